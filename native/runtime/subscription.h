#pragma once

#include <libvirt/libvirt.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/mailbox.h"

namespace podman_bootc {

// A callback registered with libvirt, and the listeners in JavaScript that share it: libvirt refuses to
// register one function twice for the same event. What libvirt gets as its opaque pointer is a token, not an
// address: a callback that comes late finds nothing instead of freed memory.
class Subscription {
 public:
  // For subscriptions and listeners: unique in the process and never 0.
  static uint64_t NewToken();
  static std::shared_ptr<Subscription> Create(std::shared_ptr<Mailbox> mailbox, uint64_t listener);
  static std::shared_ptr<Subscription> Find(void* opaque);
  // For use as libvirt's virFreeCallback.
  static void Release(void* opaque);

  Subscription(uint64_t token, std::shared_ptr<Mailbox> mailbox);

  void* opaque() const { return reinterpret_cast<void*>(static_cast<uintptr_t>(token_)); }
  Mailbox& mailbox() const { return *mailbox_; }

  void AddListener(uint64_t listener);
  // Whether it was one, and whether it was the last.
  bool RemoveListener(uint64_t listener, bool* last);
  std::vector<uint64_t> listeners();

  bool released();
  // Waits until libvirt has let go of the callback. While it dispatches an event it holds a reference to the
  // connection, and a connection closed in that moment would count as leaked.
  void AwaitRelease();

  // The number libvirt gave it; set before it is shared.
  int callback_id = -1;

 private:
  const uint64_t token_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::mutex mutex_;
  std::condition_variable condition_;
  std::vector<uint64_t> listeners_;
  bool released_ = false;
};

}  // namespace podman_bootc
