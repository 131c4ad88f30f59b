#include "runtime/environment.h"

#include <utility>

#include "runtime/credentials.h"
#include "runtime/task.h"

namespace podman_bootc {
namespace {

// Hooks run in reverse order, so this one comes before Node's own for the thread-safe function, and before
// the finalizers of handles, which look at the mailbox to see whether the environment still lives.
void CloseMailbox(void* opaque) {
  auto* environment = static_cast<Environment*>(opaque);
  environment->mailbox()->Close();
  environment->EndAskers();
  environment->AbandonCalls();
}

}  // namespace

void Environment::Create(Napi::Env env) {
  Environment* environment = new Environment(env);
  env.SetInstanceData<Environment>(environment);
  if (!environment->mailbox_->Open(env, environment)) {
    Napi::Error::New(env, "Cannot create a thread-safe function").ThrowAsJavaScriptException();
    return;
  }
  napi_add_env_cleanup_hook(env, CloseMailbox, environment);
}

Environment& Environment::Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

Environment::Environment(Napi::Env env) : env_(env), mailbox_(std::make_shared<Mailbox>()) {}

Environment::~Environment() = default;

void Environment::PromisePending() {
  if (pending_++ == 0) mailbox_->KeepAlive(true);
}

void Environment::PromiseSettled() {
  if (--pending_ == 0) mailbox_->KeepAlive(false);
}

void Environment::AddCall(uint32_t id, const std::shared_ptr<Task>& task) {
  calls_[task.get()] = task;
  if (id != 0) numbered_[id] = task.get();
}

void Environment::RemoveCall(uint32_t id, Task* task) {
  calls_.erase(task);
  if (id != 0) numbered_.erase(id);
}

std::shared_ptr<Task> Environment::FindCall(uint32_t id) {
  auto found = numbered_.find(id);
  return found == numbered_.end() ? nullptr : calls_[found->second].lock();
}

void Environment::AbandonCalls() {
  for (auto& entry : calls_) {
    std::shared_ptr<Task> task = entry.second.lock();
    if (task != nullptr) task->AbandonWithEnvironment();
  }
  calls_.clear();
  numbered_.clear();
}

void Environment::AddListener(uint64_t token, Napi::Function listener) {
  listeners_[token] = Napi::Persistent(listener);
}

void Environment::RemoveListener(uint64_t token) { listeners_.erase(token); }

void Environment::CallListener(uint64_t token, std::initializer_list<napi_value> arguments) {
  auto found = listeners_.find(token);
  if (found == listeners_.end()) return;
  // Taken out of the map first: the listener may unsubscribe, which removes the reference.
  Napi::Function listener = found->second.Value();
  listener.Call(arguments);
}

void Environment::AddAsker(uint64_t token, const std::shared_ptr<CredentialsAsker>& asker) {
  askers_[token] = asker;
}

void Environment::RemoveAsker(uint64_t token) { askers_.erase(token); }

std::shared_ptr<CredentialsAsker> Environment::FindAsker(uint64_t token) {
  auto found = askers_.find(token);
  return found == askers_.end() ? nullptr : found->second;
}

void Environment::EndAskers() {
  for (auto& entry : askers_) entry.second->End();
  askers_.clear();
}

}  // namespace podman_bootc
