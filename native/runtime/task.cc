#include "runtime/task.h"

#include <libvirt/virterror.h>

#include "runtime/connection_handle.h"

namespace podman_bootc {

Task::Task(const char* api, std::shared_ptr<ConnectionHandle> connection, std::shared_ptr<Lane> lane)
    : api_(api),
      connection_(std::move(connection)),
      lane_(lane != nullptr          ? std::move(lane)
            : connection_ != nullptr ? connection_->lane()
                                     : Executor::Get().LaneForOthers()) {}

Task::~Task() = default;

Napi::Value Task::Start(Environment& environment, uint32_t id) {
  Napi::Env env = environment.env();
  napi_value promise;
  if (napi_create_promise(env, &deferred_, &promise) != napi_ok) return Napi::Value();
  environment.PromisePending();
  mailbox_ = environment.mailbox();
  id_ = id;
  bool refused = false;
  try {
    environment.AddCall(id_, shared_from_this());
    refused = IsRefused();
  } catch (const std::exception&) {
    refused = true;
    failure_ = OutOfMemory(api_);
  }
  // Once it has begun, it may fail on another thread at any moment.
  if (!refused && Begin()) return Napi::Value(env, promise);
  failed_ = true;
  if (!refused) failure_ = ClosedFailure(api_);
  Settle(environment);
  return Napi::Value(env, promise);
}

bool Task::IsRefused() {
  if (MustRun()) return false;
  std::string server;
  size_t given_up = Executor::Get().Refusal(*lane_, &server);
  if (given_up > 0) failure_ = BusyFailure(api_, given_up, server);
  return given_up > 0;
}

void Task::StartUnattended(Environment& environment) {
  mailbox_ = environment.mailbox();
  Begin();
}

bool Task::Begin() {
  if (connection_ != nullptr && !connection_->Enter(*this)) return false;
  Schedule();
  return true;
}

void Task::Schedule() {
  int error = Executor::Get().Submit(lane_, shared_from_this());
  if (error == 0) return;
  failed_ = true;
  failure_ = SystemFailure("pthread_create", error);
  Finish();
}

void Task::Execute() {
  // Without a connection libvirt may not be initialised yet, and its thread-local error neither.
  if (connection_ != nullptr) virResetLastError();
  try {
    failed_ = !Run(&failure_);
    if (failed_ && failure_.empty()) failure_ = LastFailure(api_);
  } catch (const std::exception&) {
    failed_ = true;
    failure_ = OutOfMemory(api_);
  }
  Finish();
}

void Task::Finish() {
  std::shared_ptr<Task> self = shared_from_this();
  if (connection_ != nullptr) connection_->Leave(*this);
  mailbox_->Post(std::move(self));
}

void Task::FinishWith(Failure failure) {
  failed_ = true;
  failure_ = std::move(failure);
  Finish();
}

void Task::Deliver(Environment& environment) {
  if (deferred_ != nullptr)
    Settle(environment);
  else if (!failed_)
    Discard(environment);
}

void Task::Settle(Environment& environment) {
  Napi::Env env = environment.env();
  napi_value value = nullptr;
  try {
    if (!failed_) value = Result(env);
  } catch (const std::exception&) {
    failed_ = true;
    failure_ = OutOfMemory(api_);
  }
  if (failed_) value = failure_.ToObject(env);
  napi_deferred deferred = std::exchange(deferred_, nullptr);
  bool rejected = failed_;
  // Only while the environment is being torn down do conversions fail; the promise is nobody's then.
  if (env.IsExceptionPending()) {
    value = env.GetAndClearPendingException().Value();
    rejected = true;
  }
  if (value == nullptr) napi_get_undefined(env, &value);
  if (rejected)
    napi_reject_deferred(env, deferred, value);
  else
    napi_resolve_deferred(env, deferred, value);
  Forget(environment);
  if (failed_) Withdraw(environment);
}

void Task::Abandon(Environment& environment, napi_value reason) {
  if (deferred_ == nullptr) return;
  napi_reject_deferred(environment.env(), std::exchange(deferred_, nullptr), reason);
  Forget(environment);
  Withdraw(environment);
  GiveUp();
}

void Task::ResolveEarly(Environment& environment, napi_value value) {
  if (deferred_ == nullptr) return;
  napi_resolve_deferred(environment.env(), std::exchange(deferred_, nullptr), value);
  Forget(environment);
}

void Task::Forget(Environment& environment) {
  environment.RemoveCall(id_, this);
  environment.PromiseSettled();
}

void Task::GiveUp() {
  bool dropped = Executor::Get().GiveUp(*this);
  if (connection_ == nullptr) return;
  if (dropped)
    connection_->Leave(*this);
  else
    connection_->Orphan(*this);
}

}  // namespace podman_bootc
