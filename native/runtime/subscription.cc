#include "runtime/subscription.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <unordered_map>
#include <utility>

namespace podman_bootc {
namespace {

// Only a safeguard: a dispatch copies a few strings.
constexpr std::chrono::seconds kReleaseTime(2);

struct Registry {
  std::mutex mutex;
  std::unordered_map<uint64_t, std::shared_ptr<Subscription>> subscriptions;
};

// Leaked, because the event thread uses it until the process is gone.
Registry& GetRegistry() {
  static Registry* registry = new Registry();
  return *registry;
}

uint64_t TokenOf(void* opaque) { return reinterpret_cast<uintptr_t>(opaque); }

}  // namespace

Subscription::Subscription(uint64_t token, std::shared_ptr<Mailbox> mailbox)
    : token_(token), mailbox_(std::move(mailbox)) {}

uint64_t Subscription::NewToken() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

std::shared_ptr<Subscription> Subscription::Create(std::shared_ptr<Mailbox> mailbox, uint64_t listener) {
  uint64_t token = NewToken();
  auto subscription = std::make_shared<Subscription>(token, std::move(mailbox));
  subscription->listeners_.push_back(listener);
  Registry& registry = GetRegistry();
  std::lock_guard<std::mutex> lock(registry.mutex);
  registry.subscriptions[token] = subscription;
  return subscription;
}

std::shared_ptr<Subscription> Subscription::Find(void* opaque) {
  Registry& registry = GetRegistry();
  std::lock_guard<std::mutex> lock(registry.mutex);
  auto found = registry.subscriptions.find(TokenOf(opaque));
  return found == registry.subscriptions.end() ? nullptr : found->second;
}

void Subscription::Release(void* opaque) {
  std::shared_ptr<Subscription> subscription;
  {
    Registry& registry = GetRegistry();
    std::lock_guard<std::mutex> lock(registry.mutex);
    auto found = registry.subscriptions.find(TokenOf(opaque));
    if (found == registry.subscriptions.end()) return;
    subscription = std::move(found->second);
    registry.subscriptions.erase(found);
  }
  std::lock_guard<std::mutex> lock(subscription->mutex_);
  subscription->released_ = true;
  subscription->condition_.notify_all();
}

void Subscription::AddListener(uint64_t listener) {
  std::lock_guard<std::mutex> lock(mutex_);
  listeners_.push_back(listener);
}

bool Subscription::RemoveListener(uint64_t listener, bool* last) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = std::find(listeners_.begin(), listeners_.end(), listener);
  if (found == listeners_.end()) return false;
  listeners_.erase(found);
  *last = listeners_.empty();
  return true;
}

std::vector<uint64_t> Subscription::listeners() {
  std::lock_guard<std::mutex> lock(mutex_);
  return listeners_;
}

bool Subscription::released() {
  std::lock_guard<std::mutex> lock(mutex_);
  return released_;
}

void Subscription::AwaitRelease() {
  std::unique_lock<std::mutex> lock(mutex_);
  condition_.wait_for(lock, kReleaseTime, [this] { return released_; });
}

}  // namespace podman_bootc
