#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/handle.h"

namespace podman_bootc {

// A string argument that may have been undefined, which libvirt takes as NULL.
class OptionalString {
 public:
  OptionalString() = default;
  explicit OptionalString(std::string value) : present_(true), value_(std::move(value)) {}
  const char* get() const { return present_ ? value_.c_str() : nullptr; }

 private:
  bool present_ = false;
  std::string value_;
};

// Reads the arguments of a call one after the other. src/libvirt checks them first and words its errors for
// users; this is what keeps the addon from crashing whatever it is given. After the first wrong argument a
// TypeError is pending and the rest reads as empty.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info), env_(info.Env()) {}

  template <typename T>
  HandleBox<T>* Box() {
    auto* box = UnwrapHandle<T>(env_, Next());
    if (box == nullptr) Refuse(T::kExpected);
    return box;
  }
  template <typename T>
  std::shared_ptr<T> Object() {
    auto* box = Box<T>();
    if (box == nullptr) return nullptr;
    if (box->state == nullptr) Refuse("a handle that is open");
    return box->state;
  }
  // A copy of the bytes of an Uint8Array.
  std::string Bytes();
  std::string String();
  OptionalString StringOrUndefined();
  bool Boolean();
  uint32_t Unsigned();
  int32_t Integer();
  // A BigInt of at most 64 bits.
  uint64_t Size();
  std::vector<uint32_t> UnsignedList();
  // Strings, and null for none.
  std::vector<OptionalString> OptionalStringList();
  Napi::Function Function();

  // The argument read last is wrong.
  void Refuse(const char* expected);
  bool ok() const { return ok_; }

 private:
  Napi::Value Next() { return info_[index_++]; }
  std::string Text(const Napi::Value& value);

  const Napi::CallbackInfo& info_;
  Napi::Env env_;
  size_t index_ = 0;
  bool ok_ = true;
};

}  // namespace podman_bootc
