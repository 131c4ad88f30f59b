#include "runtime/mailbox.h"

#include <utility>

#include "runtime/environment.h"

namespace podman_bootc {

void Mailbox::Deliver(napi_env env, napi_value, void* context, void* data) {
  std::shared_ptr<Message> message = std::move(static_cast<Message*>(data)->self_);
  // Without an environment Node only wants the memory back.
  if (env != nullptr) message->Deliver(*static_cast<Environment*>(context));
}

bool Mailbox::Open(napi_env env, Environment* environment) {
  napi_value name;
  if (napi_create_string_utf8(env, "podman-bootc:libvirt", NAPI_AUTO_LENGTH, &name) != napi_ok) return false;
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, environment,
                                      Deliver, &function_) != napi_ok)
    return false;
  env_ = env;
  KeepAlive(false);
  return true;
}

void Mailbox::Close() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (function_ == nullptr) return;
  // A thread-safe function that is still held when its worker exits aborts the process (nodejs/node#65100).
  napi_release_threadsafe_function(function_, napi_tsfn_abort);
  function_ = nullptr;
}

void Mailbox::KeepAlive(bool alive) {
  if (function_ == nullptr) return;
  if (alive)
    napi_ref_threadsafe_function(env_, function_);
  else
    napi_unref_threadsafe_function(env_, function_);
}

void Mailbox::Post(std::shared_ptr<Message> message) {
  Message* data = message.get();
  data->self_ = std::move(message);
  bool posted = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    // The lock spans the call: Close() must not let Node free the function in between.
    posted = function_ != nullptr &&
             napi_call_threadsafe_function(function_, data, napi_tsfn_nonblocking) == napi_ok;
  }
  if (!posted) message = std::move(data->self_);
}

bool Mailbox::open() {
  std::lock_guard<std::mutex> lock(mutex_);
  return function_ != nullptr;
}

}  // namespace podman_bootc
