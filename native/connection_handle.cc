#include "connection_handle.h"

#include <utility>
#include <vector>

#include "domain_handle.h"

namespace podman_bootc {
namespace {

// Tells JavaScript that a connection broke.
class ConnectionClosed final : public Message {
 public:
  ConnectionClosed(uint64_t token, int reason) : token_(token), reason_(reason) {}

  void Deliver(Environment& environment) override {
    environment.CallListener(token_, {Napi::Number::New(environment.env(), reason_)});
  }

 private:
  const uint64_t token_;
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
};

void OnConnectionClosed(virConnectPtr, int reason, void* opaque) {
  auto subscription = Subscription::Find(opaque);
  if (subscription == nullptr) return;
  subscription->mailbox().Post(std::make_shared<ConnectionClosed>(subscription->token(), reason));
}

ConnectionHandle::ConnectionHandle(virConnectPtr connection, std::shared_ptr<Subscription> close_subscription)
    : connection_(connection), close_subscription_(std::move(close_subscription)) {}

ConnectionHandle::~ConnectionHandle() {
  if (connection_ == nullptr) return;
  // Nobody closed it. This may be the garbage collector's doing, and closing talks to the daemon, so it is
  // done elsewhere.
  auto parts = std::make_shared<Parts>(TakeParts());
  Executor::Get().Submit([parts] { Close(std::move(*parts)); });
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

void ConnectionHandle::AddDomain(DomainHandle* domain) {
  std::lock_guard<std::mutex> lock(mutex_);
  domains_.insert(domain);
}

void ConnectionHandle::RemoveDomain(DomainHandle* domain) {
  // The lock also covers the free: otherwise a close on another thread could count this reference as leaked.
  std::lock_guard<std::mutex> lock(mutex_);
  domain->Free();
  domains_.erase(domain);
}

void ConnectionHandle::AddSubscription(std::shared_ptr<Subscription> subscription) {
  std::lock_guard<std::mutex> lock(mutex_);
  uint64_t token = subscription->token();
  subscriptions_[token] = std::move(subscription);
}

void ConnectionHandle::Unsubscribe(uint64_t token) {
  std::shared_ptr<Subscription> subscription;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = subscriptions_.find(token);
    if (found == subscriptions_.end()) return;
    subscription = std::move(found->second);
    subscriptions_.erase(found);
  }
  Deregister(connection_, *subscription);
}

ConnectionHandle::Parts ConnectionHandle::TakeParts() {
  std::lock_guard<std::mutex> lock(mutex_);
  Parts parts;
  parts.connection = std::exchange(connection_, nullptr);
  parts.close_subscription = std::move(close_subscription_);
  for (auto& entry : subscriptions_) parts.subscriptions.push_back(std::move(entry.second));
  subscriptions_.clear();
  // A domain that is used later finds its connection closed, never a freed pointer.
  for (DomainHandle* domain : domains_) domain->Free();
  domains_.clear();
  return parts;
}

int ConnectionHandle::Close() { return Close(TakeParts()); }

int ConnectionHandle::Close(Parts parts) {
  for (auto& subscription : parts.subscriptions) Deregister(parts.connection, *subscription);
  if (parts.close_subscription != nullptr) {
    // libvirt has released it when the connection broke; and it never does where the driver can't tell.
    if (!parts.close_subscription->released())
      virConnectUnregisterCloseCallback(parts.connection, OnConnectionClosed);
    Subscription::Release(parts.close_subscription->opaque());
  }
  return virConnectClose(parts.connection);
}

}  // namespace podman_bootc
