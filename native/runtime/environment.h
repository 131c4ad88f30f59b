#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <unordered_map>

#include "runtime/mailbox.h"

namespace podman_bootc {

class CredentialsAsker;
class Task;

// What belongs to one JavaScript environment (the main thread, a worker). Used on its thread only; other
// threads hold the mailbox and numbers, never references to JavaScript values.
class Environment {
 public:
  static void Create(Napi::Env env);
  static Environment& Of(Napi::Env env);

  explicit Environment(Napi::Env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  Napi::Env env() const { return env_; }
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

  // A promise is pending, so the process must stay alive until it is settled.
  void PromisePending();
  void PromiseSettled();

  // Calls in flight, and those that can be abandoned by the number JavaScript gave them, which is not 0.
  void AddCall(uint32_t id, const std::shared_ptr<Task>& task);
  void RemoveCall(uint32_t id, Task* task);
  std::shared_ptr<Task> FindCall(uint32_t id);
  void AbandonCalls();

  // Functions that receive events, by the token of their subscription.
  void AddListener(uint64_t token, Napi::Function listener);
  void RemoveListener(uint64_t token);
  void CallListener(uint64_t token, std::initializer_list<napi_value> arguments);

  // Threads that wait for an answer of JavaScript, by the token of the listener that is asked. They wait no
  // longer when the environment ends.
  void AddAsker(uint64_t token, const std::shared_ptr<CredentialsAsker>& asker);
  void RemoveAsker(uint64_t token);
  std::shared_ptr<CredentialsAsker> FindAsker(uint64_t token);
  void EndAskers();

 private:
  Napi::Env env_;
  std::shared_ptr<Mailbox> mailbox_;
  size_t pending_ = 0;
  std::unordered_map<Task*, std::weak_ptr<Task>> calls_;
  std::unordered_map<uint32_t, Task*> numbered_;
  std::unordered_map<uint64_t, Napi::FunctionReference> listeners_;
  std::unordered_map<uint64_t, std::shared_ptr<CredentialsAsker>> askers_;
};

}  // namespace podman_bootc
