#pragma once

#include <libvirt/libvirt.h>
#include <napi.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace podman_bootc {

// A copy of an array of virTypedParameter, for JavaScript: 32-bit integers and doubles become numbers, 64-bit
// integers BigInts, so that nothing loses precision.
class TypedParameters {
 public:
  TypedParameters() = default;
  TypedParameters(const virTypedParameter* parameters, int count);

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
