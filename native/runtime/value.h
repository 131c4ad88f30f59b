#pragma once

#include <libvirt/libvirt.h>
#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/handle.h"

namespace podman_bootc {

// What JavaScript is to get: made on any thread, and turned into a value of JavaScript's on its own. Integers
// of 32 bits and doubles become numbers, integers of 64 bits BigInts, so that nothing loses precision.
class Value {
 public:
  using List = std::vector<Value>;
  using Fields = std::vector<std::pair<std::string, Value>>;
  using Bytes = std::vector<char>;

  // undefined
  Value() = default;
  Value(std::nullptr_t) : data_(nullptr) {}
  Value(bool truth) : data_(truth) {}
  Value(int number) : data_(static_cast<double>(number)) {}
  Value(unsigned int number) : data_(static_cast<double>(number)) {}
  Value(double number) : data_(number) {}
  Value(long long number) : data_(static_cast<int64_t>(number)) {}
  Value(unsigned long number) : data_(static_cast<uint64_t>(number)) {}
  Value(unsigned long long number) : data_(static_cast<uint64_t>(number)) {}
  // null for NULL
  Value(const char* text) {
    if (text != nullptr)
      data_ = std::string(text);
    else
      data_ = nullptr;
  }
  Value(std::string text) : data_(std::move(text)) {}
  // A Buffer.
  Value(Bytes bytes) : data_(std::move(bytes)) {}
  Value(List list) : data_(std::move(list)) {}
  // { field: value }
  Value(Fields fields) : data_(std::move(fields)) {}
  // A handle; see handle.h.
  template <typename T>
  Value(std::shared_ptr<T> state)
      : data_(Wrapped{std::move(state), [](Napi::Env env, std::shared_ptr<void> wrapped) {
                        return WrapHandle(env, std::static_pointer_cast<T>(std::move(wrapped)));
                      }}) {}

  Napi::Value For(Napi::Env env) const;

 private:
  struct Wrapped {
    std::shared_ptr<void> state;
    Napi::Value (*wrap)(Napi::Env, std::shared_ptr<void>);
  };

  std::variant<std::monostate, std::nullptr_t, bool, double, int64_t, uint64_t, std::string, Bytes, List,
               Fields, Wrapped>
      data_;
};

// Where a text always is there, and NULL would be libvirt's fault.
inline std::string TextOf(const char* text) { return text == nullptr ? std::string() : std::string(text); }

// { field: value } of an array of libvirt's; of a field of a type that it added later nothing is known.
Value::Fields FieldsOf(const virTypedParameter* parameters, int count);

}  // namespace podman_bootc
