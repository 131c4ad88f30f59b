#pragma once

#include <napi.h>

#include <memory>
#include <utility>

#include "runtime/environment.h"

namespace podman_bootc {

// What the JavaScript object points to. Every kind of handle has a tag of its own (`T::kTag`), so that a
// handle of another kind, or any other object, is refused instead of being taken for a pointer.
template <typename T>
struct HandleBox {
  std::shared_ptr<T> state;
  std::shared_ptr<Mailbox> mailbox;
  // A listener that lives as long as the handle, or 0.
  uint64_t listener = 0;
};

// The finalizer is a backstop for handles nobody closed. What it lets go of must not block; see the
// destructors.
template <typename T>
Napi::Value WrapHandle(Napi::Env env, std::shared_ptr<T> state, uint64_t listener = 0) {
  Napi::Object object = Napi::Object::New(env);
  auto* box = new HandleBox<T>{std::move(state), Environment::Of(env).mailbox(), listener};
  napi_finalize finalize = [](napi_env env, void* data, void*) {
    std::unique_ptr<HandleBox<T>> box(static_cast<HandleBox<T>*>(data));
    if (box->listener != 0 && box->mailbox->open()) Environment::Of(env).RemoveListener(box->listener);
  };
  if (napi_wrap(env, object, box, finalize, nullptr, nullptr) != napi_ok) {
    delete box;
    return env.Undefined();
  }
  napi_type_tag_object(env, object, &T::kTag);
  return object;
}

// Null when the value is no handle of this kind.
template <typename T>
HandleBox<T>* UnwrapHandle(Napi::Env env, napi_value value) {
  // Asked about anything but an object, Node-API leaves an exception pending.
  if (!Napi::Value(env, value).IsObject()) return nullptr;
  bool matches = false;
  void* data = nullptr;
  if (napi_check_object_type_tag(env, value, &T::kTag, &matches) != napi_ok || !matches) return nullptr;
  if (napi_unwrap(env, value, &data) != napi_ok) return nullptr;
  return static_cast<HandleBox<T>*>(data);
}

}  // namespace podman_bootc
