#include "executor.h"

#include <chrono>
#include <utility>

#include "thread.h"
#include "xml_parser.h"

namespace podman_bootc {
namespace {

// How long the queue may stand still before a thread is added.
constexpr std::chrono::milliseconds kPatience(20);
// How long a thread waits for work before it ends; a program that is done with libvirt keeps none.
constexpr std::chrono::seconds kIdleTime(10);

class FunctionJob final : public Job {
 public:
  explicit FunctionJob(std::function<void()> function) : function_(std::move(function)) {}
  void Execute() override { function_(); }

 private:
  std::function<void()> function_;
};

}  // namespace

Executor& Executor::Get() {
  static Executor* executor = new Executor();
  return *executor;
}

int Executor::Submit(std::function<void()> function) {
  return Submit(std::make_shared<FunctionJob>(std::move(function)));
}

int Executor::Submit(std::shared_ptr<Job> job) {
  std::lock_guard<std::mutex> lock(mutex_);
  queue_.push_back(std::move(job));
  if (Saturated()) {
    if (threads_ < kResident) {
      int error = Spawn();
      // With other threads alive the job is only delayed.
      if (error != 0 && threads_ == 0) {
        queue_.pop_back();
        return error;
      }
    } else if (!supervised_) {
      supervised_ = StartThread("libvirt-growth", [] { Executor::Get().Supervise(); }) == 0;
    }
    saturation_.notify_one();
  }
  work_.notify_one();
  return 0;
}

int Executor::Spawn() {
  int error = StartThread("libvirt-call", [] { Executor::Get().Work(); });
  if (error == 0) threads_++;
  return error;
}

void Executor::Work() {
  SilenceXmlParser();
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    idle_++;
    bool found = work_.wait_for(lock, kIdleTime, [this] { return !queue_.empty(); });
    idle_--;
    if (!found) break;
    std::shared_ptr<Job> job = std::move(queue_.front());
    queue_.pop_front();
    started_++;
    lock.unlock();
    job->Execute();
    // Destroyed without the lock: the last reference to a connection queues another job.
    job.reset();
    lock.lock();
  }
  threads_--;
}

void Executor::Supervise() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    saturation_.wait(lock, [this] { return Saturated(); });
    uint64_t started = started_;
    bool relieved = saturation_.wait_for(lock, kPatience, [this] { return !Saturated(); });
    if (!relieved && started_ == started && threads_ < kMaximum) Spawn();
  }
}

}  // namespace podman_bootc
