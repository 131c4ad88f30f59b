#pragma once

#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace podman_bootc {

class Lane;

// Something to do on a thread of the executor, once.
class Job {
 public:
  virtual ~Job() = default;
  virtual void Execute() = 0;
  // Whether it is executed also when nobody waits for it any longer, because it lets go of something.
  virtual bool MustRun() const { return false; }

 private:
  friend class Executor;
  friend class Lane;
  enum class State { kNew, kQueued, kRunning, kDone };

  // All under the executor's lock.
  std::shared_ptr<Lane> lane_;
  State state_ = State::kNew;
  // In its lane's queue, while it is queued.
  std::list<std::shared_ptr<Job>>::iterator place_;
  bool given_up_ = false;
};

// Jobs that share their threads, and wait for one another when there are too many of them. Each server has
// lanes of its own, so that one which hangs holds up nobody else's calls.
class Lane {
 public:
  // At most `threads` jobs at once, those that were given up not counted, and `limit` of these.
  Lane(std::string server, size_t threads, size_t limit)
      : server_(std::move(server)), threads_(threads), limit_(limit) {}
  // One job at a time, which also counts in `parent`. One that was given up still bars the way.
  explicit Lane(std::shared_ptr<Lane> parent) : parent_(std::move(parent)), threads_(1), limit_(0) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

 private:
  friend class Executor;

  // How many of its jobs may start now.
  size_t Room() const;
  size_t& CountOf(const Job& job);

  const std::shared_ptr<Lane> parent_;
  const std::string server_;
  const size_t threads_;
  const size_t limit_;
  // All under the executor's lock.
  std::list<std::shared_ptr<Job>> queue_;
  size_t live_ = 0;
  size_t given_up_ = 0;
};

// The threads on which calls that may block run. They are not libuv's: a call that hangs there would hold up
// process.exit() and take a thread away from file and name service access. They are detached, so the process
// ends without waiting for them, and shared by all environments of the process.
class Executor {
 public:
  // Calls on the connections to one server that run at once, and how many of those that were given up may
  // still run before further ones are refused: in all there are never more than twice as many.
  static constexpr size_t kCalls = 64;
  // The same of connections that are being opened to one server.
  static constexpr size_t kOpenings = 16;

  // Never destroyed: detached threads use it until the process is gone.
  static Executor& Get();

  // A server is what the URI names, as it was written; empty when libvirt chooses.
  std::shared_ptr<Lane> LaneForOpening(const std::string& server);
  std::shared_ptr<Lane> LaneForCalls(const std::string& server);
  // For what is nobody's call, and never refused.
  std::shared_ptr<Lane> LaneForOthers();

  // Queues a job and returns 0, or an errno when there is no thread and none can be started.
  int Submit(const std::shared_ptr<Lane>& lane, std::shared_ptr<Job> job);
  template <typename Function>
  int SubmitFunction(const std::shared_ptr<Lane>& lane, Function function) {
    try {
      return Submit(lane, std::make_shared<FunctionJob<Function>>(std::move(function)));
    } catch (const std::exception&) {
      return ENOMEM;
    }
  }

  // Nobody waits for the job any longer. True when it had not begun and never will; otherwise its thread is
  // no longer counted among those that others may have to wait for.
  bool GiveUp(Job& job);

  // How many jobs were given up and go on in this lane, and where, when they are too many for another one;
  // else 0.
  size_t Refusal(const Lane& lane, std::string* server);

 private:
  // Started as soon as they are useful.
  static constexpr size_t kResident = 4;

  template <typename Function>
  class FunctionJob final : public Job {
   public:
    explicit FunctionJob(Function function) : function_(std::move(function)) {}
    void Execute() override { function_(); }

   private:
    Function function_;
  };

  Executor() = default;
  std::shared_ptr<Lane> LaneOf(char kind, const std::string& server, size_t threads);
  // The first lane, beginning with the one that was served longest ago, that may start a job.
  std::list<std::shared_ptr<Lane>>::iterator Next();
  std::shared_ptr<Job> Take(std::list<std::shared_ptr<Lane>>::iterator lane);
  // Jobs that could start if there were threads.
  size_t Startable() const;
  bool Saturated() const { return Startable() > idle_; }
  int Grow();
  int Spawn();
  void Work();
  void Supervise();

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable saturation_;
  std::unordered_map<std::string, std::weak_ptr<Lane>> lanes_;
  // Those that have jobs in their queues.
  std::list<std::shared_ptr<Lane>> waiting_;
  size_t threads_ = 0;
  size_t idle_ = 0;
  // Threads whose jobs were given up.
  size_t given_up_ = 0;
  uint64_t started_ = 0;
  bool supervised_ = false;
};

}  // namespace podman_bootc
