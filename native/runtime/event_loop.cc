#include "runtime/event_loop.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "repair/client_loop.h"
#include "runtime/thread.h"

namespace podman_bootc {
namespace {

// libvirt prints errors on stderr unless somebody takes them; ours travel as rejections.
void IgnoreError(void*, virErrorPtr) {}

void IgnoreTimeout(int, void*) {}

void RunEvents() {
  for (;;) {
    if (virEventRunDefaultImpl() < 0) {
      // Not expected; without the pause a lasting failure would burn a processor.
      virResetLastError();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
}

// libvirt has one event implementation per process, and its own threads add handles to it. An implementation
// on top of libuv could serve one environment only, so libvirt's default runs in a thread that lives as long
// as the process.
bool Initialize(Failure* failure) {
  if (virInitialize() < 0) {
    *failure = LastFailure("virInitialize");
    return false;
  }
  virSetErrorFunc(nullptr, IgnoreError);
  unsigned long version = 0;
  // Which can only fail for want of initialization.
  if (virGetVersion(&version, nullptr, nullptr) == 0) StartClientLoop(version);
  if (virEventRegisterDefaultImpl() < 0) {
    *failure = LastFailure("virEventRegisterDefaultImpl");
    return false;
  }
  // Some event implementations of libvirt notice handles that other threads added only when they wake up.
  if (virEventAddTimeout(5000, IgnoreTimeout, nullptr, nullptr) < 0) {
    *failure = LastFailure("virEventAddTimeout");
    return false;
  }
  int error = StartThread("libvirt-events", RunEvents);
  if (error != 0) {
    *failure = SystemFailure("pthread_create", error);
    return false;
  }
  return true;
}

// Only a safeguard: what the event loop does is short.
constexpr std::chrono::seconds kFenceTime(2);

struct Fence {
  std::mutex mutex;
  std::condition_variable condition;
  bool passed = false;
};

}  // namespace

void AwaitEventLoop() {
  auto fence = std::make_shared<Fence>();
  auto opaque = std::make_unique<std::shared_ptr<Fence>>(fence);
  // What is removed is freed later, in the order of the removals.
  int timer = virEventAddTimeout(-1, IgnoreTimeout, opaque.get(), [](void* opaque) {
    std::unique_ptr<std::shared_ptr<Fence>> fence(static_cast<std::shared_ptr<Fence>*>(opaque));
    std::lock_guard<std::mutex> lock((*fence)->mutex);
    (*fence)->passed = true;
    (*fence)->condition.notify_all();
  });
  if (timer < 0) return;
  opaque.release();
  virEventRemoveTimeout(timer);
  std::unique_lock<std::mutex> lock(fence->mutex);
  fence->condition.wait_for(lock, kFenceTime, [&] { return fence->passed; });
}

bool StartLibvirt(Failure* failure) {
  static std::once_flag once;
  static bool started = false;
  // Leaked, like all that other threads may read while the process ends.
  static Failure* reason = new Failure();
  std::call_once(once, [] { started = Initialize(reason); });
  if (!started) *failure = *reason;
  return started;
}

}  // namespace podman_bootc
