#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace podman_bootc {

// Something to do on a thread of the executor.
class Job {
 public:
  virtual ~Job() = default;
  virtual void Execute() = 0;
};

// The threads on which calls that may block run. They are not libuv's: a call that hangs there would hold up
// process.exit() and take a thread away from file and name service access. They are detached, so the process
// ends without waiting for them, and shared by all environments of the process.
class Executor {
 public:
  // Never destroyed: detached threads use it until the process is gone.
  static Executor& Get();

  // Queues a job and returns 0, or an errno when there is no thread and none can be started.
  int Submit(std::shared_ptr<Job> job);
  int Submit(std::function<void()> function);

 private:
  // Started as soon as they are useful.
  static constexpr size_t kResident = 4;
  // Beyond the residents a thread is added only while nothing moves: calls of hours (a job to wait for) and
  // hung connections must not stop the others, but a burst of short calls needs no fifty threads.
  static constexpr size_t kMaximum = 64;

  Executor() = default;
  bool Saturated() const { return queue_.size() > idle_; }
  int Spawn();
  void Work();
  void Supervise();

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable saturation_;
  std::deque<std::shared_ptr<Job>> queue_;
  size_t threads_ = 0;
  size_t idle_ = 0;
  uint64_t started_ = 0;
  bool supervised_ = false;
};

}  // namespace podman_bootc
