#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "runtime/environment.h"
#include "runtime/error.h"
#include "runtime/executor.h"
#include "runtime/mailbox.h"

namespace podman_bootc {

class ConnectionHandle;

// How a connection counts a call; belongs to the connection's lock.
enum class CallState { kOutside, kLive, kOrphan };

// One asynchronous call: runs on the executor, settles its promise on the JavaScript thread. It owns copies
// of its arguments and references to the handles it uses, so nothing that JavaScript does in the meantime
// (close, garbage collection, the end of the worker) pulls anything away from under it.
class Task : public Message, public Job, public std::enable_shared_from_this<Task> {
 public:
  // `connection` may be null for calls without one, which may have a lane of their own.
  Task(const char* api, std::shared_ptr<ConnectionHandle> connection, std::shared_ptr<Lane> lane = nullptr);
  ~Task() override;

  // JavaScript thread. Queues the call and returns its promise; `id` 0 means that it can't be abandoned.
  Napi::Value Start(Environment& environment, uint32_t id);
  // JavaScript thread. Queues a call whose outcome interests nobody.
  void StartUnattended(Environment& environment);
  // JavaScript thread. Rejects the promise now. libvirt can't cancel a call that has begun, so it goes on as
  // an orphan: it no longer keeps the process alive, and its late result is freed. One that has not is not
  // made.
  void Abandon(Environment& environment, napi_value reason);
  // JavaScript thread. The environment ends, and with it whoever waits for the call.
  void AbandonWithEnvironment() { GiveUp(); }
  // JavaScript thread. Resolves the promise although the call has not ended; for a close that orphans delay.
  void ResolveEarly(Environment& environment, napi_value value);

  // Any thread.
  void Schedule();
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

  void Execute() override;
  void Deliver(Environment& environment) override;

  // For ConnectionHandle, under its lock.
  CallState call_state = CallState::kOutside;

 protected:
  // Executor thread. Returns false when the call failed; then libvirt's last error is the reason unless
  // `failure` was filled in.
  virtual bool Run(Failure* failure) = 0;
  // JavaScript thread.
  virtual Napi::Value Result(Napi::Env env) = 0;
  // JavaScript thread: the promise was rejected, because the call failed or was abandoned.
  virtual void Withdraw(Environment&) {}
  // JavaScript thread: the call succeeded after it had been abandoned.
  virtual void Discard(Environment&) {}
  // Makes the start of the call; a close waits for other calls first.
  virtual bool Begin();
  // Any thread. For tasks that the executor does not end by itself.
  void Finish();
  void FinishWith(Failure failure);

  const char* const api_;
  const std::shared_ptr<ConnectionHandle> connection_;

 private:
  void Settle(Environment& environment);
  // There is nobody left to reject, or to resolve.
  void Forget(Environment& environment);
  void GiveUp();
  // Fills in why there must be no further call, if so.
  bool IsRefused();

  const std::shared_ptr<Lane> lane_;
  std::shared_ptr<Mailbox> mailbox_;
  napi_deferred deferred_ = nullptr;
  uint32_t id_ = 0;
  bool failed_ = false;
  Failure failure_;
};

}  // namespace podman_bootc
