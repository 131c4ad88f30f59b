#pragma once

#include <libvirt/libvirt.h>
#include <napi.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace podman_bootc {

// An array that libvirt allocated.
class OwnedParameters {
 public:
  OwnedParameters(virTypedParameterPtr parameters, int count) : parameters_(parameters), count_(count) {}
  ~OwnedParameters() { virTypedParamsFree(parameters_, count_); }
  OwnedParameters(const OwnedParameters&) = delete;
  OwnedParameters& operator=(const OwnedParameters&) = delete;

  const virTypedParameter* get() const { return parameters_; }
  int size() const { return count_; }

 private:
  const virTypedParameterPtr parameters_;
  const int count_;
};

// A copy of an array of virTypedParameter, for JavaScript: 32-bit integers and doubles become numbers, 64-bit
// integers BigInts, so that nothing loses precision.
class TypedParameters {
 public:
  TypedParameters() = default;
  TypedParameters(const virTypedParameter* parameters, int count);
  explicit TypedParameters(const OwnedParameters& owned) : TypedParameters(owned.get(), owned.size()) {}

  // { field: value }
  Napi::Value ToObject(Napi::Env env) const;

 private:
  using Value = std::variant<double, int64_t, uint64_t, bool, std::string>;
  std::vector<std::pair<std::string, Value>> parameters_;
};

inline Napi::Value TypedParametersToObject(Napi::Env env, TypedParameters& parameters) {
  return parameters.ToObject(env);
}

}  // namespace podman_bootc
