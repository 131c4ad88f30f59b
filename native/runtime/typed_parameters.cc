#include "runtime/typed_parameters.h"

namespace podman_bootc {
namespace {

Napi::Value Convert(Napi::Env env, double number) { return Napi::Number::New(env, number); }
Napi::Value Convert(Napi::Env env, int64_t number) { return Napi::BigInt::New(env, number); }
Napi::Value Convert(Napi::Env env, uint64_t number) { return Napi::BigInt::New(env, number); }
Napi::Value Convert(Napi::Env env, bool truth) { return Napi::Boolean::New(env, truth); }
Napi::Value Convert(Napi::Env env, const std::string& text) { return Napi::String::New(env, text); }

}  // namespace

TypedParameters::TypedParameters(const virTypedParameter* parameters, int count) {
  for (int i = 0; i < count; i++) {
    const virTypedParameter& parameter = parameters[i];
    auto add = [&](Value value) { parameters_.emplace_back(parameter.field, std::move(value)); };
    switch (parameter.type) {
      case VIR_TYPED_PARAM_INT:
        add(static_cast<double>(parameter.value.i));
        break;
      case VIR_TYPED_PARAM_UINT:
        add(static_cast<double>(parameter.value.ui));
        break;
      case VIR_TYPED_PARAM_LLONG:
        add(static_cast<int64_t>(parameter.value.l));
        break;
      case VIR_TYPED_PARAM_ULLONG:
        add(static_cast<uint64_t>(parameter.value.ul));
        break;
      case VIR_TYPED_PARAM_DOUBLE:
        add(parameter.value.d);
        break;
      case VIR_TYPED_PARAM_BOOLEAN:
        add(parameter.value.b != 0);
        break;
      case VIR_TYPED_PARAM_STRING:
        add(std::string(parameter.value.s != nullptr ? parameter.value.s : ""));
        break;
    }
  }
}

Napi::Value TypedParameters::ToObject(Napi::Env env) const {
  Napi::Object object = Napi::Object::New(env);
  for (const auto& [field, value] : parameters_)
    object.Set(field, std::visit([env](const auto& each) { return Convert(env, each); }, value));
  return object;
}

}  // namespace podman_bootc
