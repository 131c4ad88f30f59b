#pragma once

#include <node_api.h>

#include <memory>
#include <mutex>

namespace podman_bootc {

class Environment;

// Something a foreign thread has to say to JavaScript.
class Message {
 public:
  virtual ~Message() = default;
  // Runs on the JavaScript thread, in a handle scope.
  virtual void Deliver(Environment& environment) = 0;

 private:
  friend class Mailbox;
  // Itself, while it is on its way: to post it needs no memory. A message is posted once.
  std::shared_ptr<Message> self_;
};

// The one way from other threads into an environment. It outlives the environment: whoever holds it may post
// at any time, and what arrives after the end is dropped.
class Mailbox {
 public:
  // On the JavaScript thread.
  bool Open(napi_env env, Environment* environment);
  void Close();
  // Whether the event loop stays alive for what may come.
  void KeepAlive(bool alive);

  // On any thread.
  void Post(std::shared_ptr<Message> message);
  bool open();

 private:
  static void Deliver(napi_env env, napi_value, void* context, void* data);

  std::mutex mutex_;
  napi_env env_ = nullptr;
  napi_threadsafe_function function_ = nullptr;
};

}  // namespace podman_bootc
