#include "runtime/connection_handle.h"

#include <exception>
#include <utility>
#include <vector>

#include "runtime/event_loop.h"
#include "runtime/stream_handle.h"

namespace podman_bootc {
namespace {

// Tells JavaScript that a connection broke.
class ConnectionClosed final : public Message {
 public:
  ConnectionClosed(uint64_t listener, int reason) : listener_(listener), reason_(reason) {}

  void Deliver(Environment& environment) override {
    environment.CallListener(listener_, {Napi::Number::New(environment.env(), reason_)});
  }

 private:
  const uint64_t listener_;
  const int reason_;
};

// Resolves the promise of a close that goes on behind orphaned calls.
class CloseDelayed final : public Message {
 public:
  explicit CloseDelayed(std::shared_ptr<Task> task) : task_(std::move(task)) {}

  void Deliver(Environment& environment) override {
    task_->ResolveEarly(environment, Napi::Number::New(environment.env(), 0));
  }

 private:
  const std::shared_ptr<Task> task_;
};

void Deregister(virConnectPtr connection, Subscription& subscription) {
  // On a broken connection the call fails, but the callback is removed on our side all the same.
  virConnectDomainEventDeregisterAny(connection, subscription.callback_id);
  subscription.AwaitRelease();
}

}  // namespace

struct ConnectionHandle::Parts {
  virConnectPtr connection;
  std::shared_ptr<Subscription> close_subscription;
  std::vector<std::shared_ptr<Subscription>> subscriptions;
  std::vector<std::shared_ptr<StreamHandle>> streams;
  bool had_streams;
};

void OnConnectionClosed(virConnectPtr connection, int reason, void* opaque) {
  StreamHandle::OnConnectionLost(connection);
  auto subscription = Subscription::Find(opaque);
  if (subscription == nullptr) return;
  for (uint64_t listener : subscription->listeners())
    subscription->mailbox().Post(std::make_shared<ConnectionClosed>(listener, reason));
}

ConnectionHandle::ConnectionHandle(virConnectPtr connection, std::shared_ptr<Subscription> close_subscription,
                                   std::shared_ptr<Lane> lane)
    : lane_(std::move(lane)), connection_(connection), close_subscription_(std::move(close_subscription)) {}

ConnectionHandle::~ConnectionHandle() {
  if (connection_ == nullptr) return;
  // Nobody closed it. This may be the garbage collector's doing, and closing talks to the daemon, so it is
  // done elsewhere.
  try {
    auto parts = std::make_shared<Parts>(TakeParts());
    Executor::Get().SubmitFunction(lane_, [parts] { Close(std::move(*parts)); });
  } catch (const std::exception&) {
    // It stays open until the process ends.
  }
}

bool ConnectionHandle::Enter(Task& task) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closing_) return false;
  task.call_state = CallState::kLive;
  live_++;
  return true;
}

void ConnectionHandle::Leave(Task& task) {
  std::unique_lock<std::mutex> lock(mutex_);
  CallState state = std::exchange(task.call_state, CallState::kOutside);
  if (state == CallState::kLive) live_--;
  if (state == CallState::kOrphan) orphans_--;
  if (state != CallState::kOutside) ContinueClose(std::move(lock));
}

void ConnectionHandle::Orphan(Task& task) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (task.call_state != CallState::kLive) return;
  task.call_state = CallState::kOrphan;
  live_--;
  orphans_++;
  ContinueClose(std::move(lock));
}

bool ConnectionHandle::ScheduleClose(std::shared_ptr<Task> task) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (closing_) return false;
  closing_ = true;
  close_task_ = std::move(task);
  ContinueClose(std::move(lock));
  return true;
}

void ConnectionHandle::ContinueClose(std::unique_lock<std::mutex> lock) {
  if (close_task_ == nullptr || live_ > 0) return;
  std::shared_ptr<Task> task = close_task_;
  if (orphans_ == 0) {
    close_task_.reset();
    lock.unlock();
    task->Schedule();
  } else if (!resolved_early_) {
    resolved_early_ = true;
    lock.unlock();
    task->mailbox()->Post(std::make_shared<CloseDelayed>(task));
  }
}

void ConnectionHandle::AddDependent(Dependent* dependent) {
  std::lock_guard<std::mutex> lock(mutex_);
  dependents_.insert(dependent);
}

void ConnectionHandle::RemoveDependent(Dependent* dependent) {
  // The lock also covers the free: otherwise a close on another thread could count this reference as leaked.
  std::lock_guard<std::mutex> lock(mutex_);
  dependent->Free();
  dependents_.erase(dependent);
}

bool ConnectionHandle::EnterStream() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closing_) return false;
  live_++;
  return true;
}

void ConnectionHandle::LeaveStream() {
  std::unique_lock<std::mutex> lock(mutex_);
  live_--;
  ContinueClose(std::move(lock));
}

void ConnectionHandle::AddStream(std::shared_ptr<StreamHandle> stream) {
  std::lock_guard<std::mutex> lock(mutex_);
  StreamHandle* key = stream.get();
  streams_[key] = std::move(stream);
  had_streams_ = true;
}

void ConnectionHandle::RemoveStream(StreamHandle* stream) {
  std::shared_ptr<StreamHandle> removed;
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  // Destroyed without the lock: it may be the last reference to the stream.
  removed = std::move(found->second);
  streams_.erase(found);
}

bool ConnectionHandle::Subscribe(int event, virConnectDomainEventGenericCallback callback, uint64_t listener,
                                 std::shared_ptr<Mailbox> mailbox) {
  std::lock_guard<std::mutex> subscribing(subscribing_);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = subscriptions_.find(event);
    if (found != subscriptions_.end()) {
      found->second->AddListener(listener);
      return true;
    }
  }
  auto subscription = Subscription::Create(std::move(mailbox), listener);
  subscription->callback_id = virConnectDomainEventRegisterAny(connection_, nullptr, event, callback,
                                                               subscription->opaque(), Subscription::Release);
  if (subscription->callback_id < 0) {
    // libvirt keeps nothing of a failed registration, its callback for freeing included.
    Subscription::Release(subscription->opaque());
    return false;
  }
  try {
    std::lock_guard<std::mutex> lock(mutex_);
    subscriptions_[event] = subscription;
  } catch (const std::exception&) {
    Deregister(connection_, *subscription);
    throw;
  }
  return true;
}

void ConnectionHandle::Unsubscribe(uint64_t listener) {
  std::lock_guard<std::mutex> subscribing(subscribing_);
  std::shared_ptr<Subscription> subscription;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    bool last = false;
    auto found = subscriptions_.begin();
    while (found != subscriptions_.end() && !found->second->RemoveListener(listener, &last)) found++;
    if (!last) return;
    subscription = std::move(found->second);
    subscriptions_.erase(found);
  }
  Deregister(connection_, *subscription);
}

std::vector<uint64_t> ConnectionHandle::listeners() {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<uint64_t> all;
  for (auto& entry : subscriptions_)
    for (uint64_t listener : entry.second->listeners()) all.push_back(listener);
  return all;
}

ConnectionHandle::Parts ConnectionHandle::TakeParts() {
  std::lock_guard<std::mutex> lock(mutex_);
  Parts parts;
  // Before anything is taken: without memory all stays as it is.
  parts.subscriptions.reserve(subscriptions_.size());
  parts.streams.reserve(streams_.size());
  parts.connection = std::exchange(connection_, nullptr);
  parts.close_subscription = std::move(close_subscription_);
  for (auto& entry : subscriptions_) parts.subscriptions.push_back(std::move(entry.second));
  subscriptions_.clear();
  for (auto& entry : streams_) parts.streams.push_back(std::move(entry.second));
  streams_.clear();
  parts.had_streams = had_streams_;
  // A domain that is used later finds its connection closed, never a freed pointer.
  for (Dependent* dependent : dependents_) dependent->Free();
  dependents_.clear();
  return parts;
}

int ConnectionHandle::Close() { return Close(TakeParts()); }

int ConnectionHandle::Close(Parts parts) {
  for (auto& stream : parts.streams) stream->EndWithConnection();
  for (auto& subscription : parts.subscriptions) Deregister(parts.connection, *subscription);
  try {
    if (parts.had_streams) AwaitEventLoop();
  } catch (const std::exception&) {
    // Then some references may still be held.
  }
  if (parts.close_subscription != nullptr) {
    // libvirt has released it when the connection broke; and it never does where the driver can't tell.
    if (!parts.close_subscription->released())
      virConnectUnregisterCloseCallback(parts.connection, OnConnectionClosed);
    Subscription::Release(parts.close_subscription->opaque());
  }
  return virConnectClose(parts.connection);
}

}  // namespace podman_bootc
