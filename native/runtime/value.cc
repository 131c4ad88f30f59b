#include "runtime/value.h"

namespace podman_bootc {
namespace {

struct Converter {
  Napi::Env env;

  Napi::Value operator()(std::monostate) const { return env.Undefined(); }
  Napi::Value operator()(std::nullptr_t) const { return env.Null(); }
  Napi::Value operator()(bool truth) const { return Napi::Boolean::New(env, truth); }
  Napi::Value operator()(double number) const { return Napi::Number::New(env, number); }
  Napi::Value operator()(int64_t number) const { return Napi::BigInt::New(env, number); }
  Napi::Value operator()(uint64_t number) const { return Napi::BigInt::New(env, number); }
  Napi::Value operator()(const std::string& text) const { return Napi::String::New(env, text); }
  Napi::Value operator()(const Value::Bytes& bytes) const {
    return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
  }
  Napi::Value operator()(const Value::List& list) const {
    Napi::Array array = Napi::Array::New(env, list.size());
    for (uint32_t i = 0; i < list.size(); i++) array.Set(i, list[i].For(env));
    return array;
  }
  Napi::Value operator()(const Value::Fields& fields) const {
    Napi::Object object = Napi::Object::New(env);
    for (const auto& [name, value] : fields) object.Set(name, value.For(env));
    return object;
  }
  template <typename Wrapped>
  Napi::Value operator()(const Wrapped& wrapped) const {
    return wrapped.wrap(env, wrapped.state);
  }
};

}  // namespace

Napi::Value Value::For(Napi::Env env) const { return std::visit(Converter{env}, data_); }

Value::Fields FieldsOf(const virTypedParameter* parameters, int count) {
  Value::Fields fields;
  for (int i = 0; i < count; i++) {
    const virTypedParameter& parameter = parameters[i];
    auto add = [&](Value value) { fields.emplace_back(parameter.field, std::move(value)); };
    switch (parameter.type) {
      case VIR_TYPED_PARAM_INT:
        add(parameter.value.i);
        break;
      case VIR_TYPED_PARAM_UINT:
        add(parameter.value.ui);
        break;
      case VIR_TYPED_PARAM_LLONG:
        add(parameter.value.l);
        break;
      case VIR_TYPED_PARAM_ULLONG:
        add(parameter.value.ul);
        break;
      case VIR_TYPED_PARAM_DOUBLE:
        add(parameter.value.d);
        break;
      case VIR_TYPED_PARAM_BOOLEAN:
        add(parameter.value.b != 0);
        break;
      case VIR_TYPED_PARAM_STRING:
        add(TextOf(parameter.value.s));
        break;
    }
  }
  return fields;
}

}  // namespace podman_bootc
