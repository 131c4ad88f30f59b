#include "runtime/executor.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <iterator>
#include <limits>

#include "repair/xml_parser.h"
#include "runtime/thread.h"

namespace podman_bootc {
namespace {

// How long the queues may stand still before a thread is added. Beyond the residents a thread is added only
// then: calls of hours (a job to wait for) and hung connections must not stop the others, but a burst of
// short calls needs no fifty threads.
constexpr std::chrono::milliseconds kPatience(20);
// How long a thread waits for work before it ends; a program that is done with libvirt keeps none.
constexpr std::chrono::seconds kIdleTime(10);

}  // namespace

size_t Lane::Room() const {
  if (parent_ != nullptr) return live_ + given_up_ > 0 ? 0 : std::min<size_t>(parent_->Room(), 1);
  size_t all = live_ + given_up_;
  if (live_ >= threads_ || all >= threads_ + limit_) return 0;
  return std::min(threads_ - live_, threads_ + limit_ - all);
}

size_t& Lane::CountOf(const Job& job) { return job.given_up_ ? given_up_ : live_; }

Executor& Executor::Get() {
  static Executor* executor = new Executor();
  return *executor;
}

std::shared_ptr<Lane> Executor::LaneForOpening(const std::string& server) {
  return LaneOf('o', server, kOpenings);
}

std::shared_ptr<Lane> Executor::LaneForCalls(const std::string& server) {
  return LaneOf('c', server, kCalls);
}

std::shared_ptr<Lane> Executor::LaneForOthers() {
  static auto* lane = new std::shared_ptr<Lane>(
      std::make_shared<Lane>("", kCalls, std::numeric_limits<size_t>::max() - kCalls));
  return *lane;
}

std::shared_ptr<Lane> Executor::LaneOf(char kind, const std::string& server, size_t threads) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::weak_ptr<Lane>& known = lanes_[kind + server];
  std::shared_ptr<Lane> lane = known.lock();
  if (lane != nullptr) return lane;
  known = lane = std::make_shared<Lane>(server, threads, threads);
  // A program may go through any number of servers.
  for (auto each = lanes_.begin(); each != lanes_.end();)
    each = each->second.expired() ? lanes_.erase(each) : std::next(each);
  return lane;
}

int Executor::Submit(const std::shared_ptr<Lane>& lane, std::shared_ptr<Job> job) {
  std::lock_guard<std::mutex> lock(mutex_);
  Job& queued = *job;
  bool first = lane->queue_.empty();
  try {
    if (first) waiting_.push_back(lane);
    lane->queue_.push_back(std::move(job));
  } catch (const std::exception&) {
    if (first) waiting_.remove(lane);
    return ENOMEM;
  }
  queued.lane_ = lane;
  queued.place_ = std::prev(lane->queue_.end());
  queued.state_ = Job::State::kQueued;
  int error = Grow();
  if (error != 0) {
    lane->queue_.pop_back();
    if (lane->queue_.empty()) waiting_.remove(lane);
    queued.state_ = Job::State::kNew;
    return error;
  }
  return 0;
}

std::list<std::shared_ptr<Lane>>::iterator Executor::Next() {
  return std::find_if(waiting_.begin(), waiting_.end(), [](const auto& lane) { return lane->Room() > 0; });
}

std::shared_ptr<Job> Executor::Take(std::list<std::shared_ptr<Lane>>::iterator lane) {
  std::list<std::shared_ptr<Job>>& queue = (*lane)->queue_;
  std::shared_ptr<Job> job = std::move(queue.front());
  queue.pop_front();
  if (queue.empty())
    waiting_.erase(lane);
  else
    waiting_.splice(waiting_.end(), waiting_, lane);
  return job;
}

size_t Executor::Startable() const {
  size_t startable = 0;
  for (const auto& lane : waiting_) startable += std::min(lane->queue_.size(), lane->Room());
  return startable;
}

// Finds threads for what may start. Returns an errno when there is none and none can be started.
int Executor::Grow() {
  if (Startable() == 0) return 0;
  work_.notify_one();
  if (!Saturated()) return 0;
  size_t useful = threads_ - given_up_;
  if (useful < kResident) {
    int error = Spawn();
    // With other threads alive the job is only delayed.
    if (error != 0 && useful == 0) return error;
  } else if (!supervised_) {
    supervised_ = StartThread("libvirt-growth", [] { Executor::Get().Supervise(); }) == 0;
  }
  saturation_.notify_one();
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
    auto next = waiting_.end();
    idle_++;
    bool found = work_.wait_for(lock, kIdleTime, [&] { return (next = Next()) != waiting_.end(); });
    idle_--;
    if (!found) break;
    std::shared_ptr<Job> job = Take(next);
    job->state_ = Job::State::kRunning;
    for (Lane* lane = job->lane_.get(); lane != nullptr; lane = lane->parent_.get()) lane->CountOf(*job)++;
    if (job->given_up_) given_up_++;
    started_++;
    // The job before this one may have been in the way of others.
    Grow();
    lock.unlock();
    job->Execute();
    lock.lock();
    job->state_ = Job::State::kDone;
    for (Lane* lane = job->lane_.get(); lane != nullptr; lane = lane->parent_.get()) lane->CountOf(*job)--;
    if (job->given_up_) given_up_--;
    std::shared_ptr<Lane> lane = std::move(job->lane_);
    lock.unlock();
    // Destroyed without the lock: the last reference to a connection queues another job.
    job.reset();
    lane.reset();
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
    if (!relieved && started_ == started) Spawn();
  }
}

bool Executor::GiveUp(Job& job) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (job.given_up_) return false;
  if (job.state_ == Job::State::kQueued && !job.MustRun()) {
    std::list<std::shared_ptr<Job>>& queue = job.lane_->queue_;
    queue.erase(job.place_);
    if (queue.empty()) waiting_.remove(job.lane_);
    job.state_ = Job::State::kDone;
    return true;
  }
  if (job.state_ == Job::State::kRunning) {
    for (Lane* lane = job.lane_.get(); lane != nullptr; lane = lane->parent_.get()) {
      lane->live_--;
      lane->given_up_++;
    }
    given_up_++;
  }
  job.given_up_ = true;
  // There is room for another now.
  Grow();
  return false;
}

size_t Executor::Refusal(const Lane& lane, std::string* server) {
  std::lock_guard<std::mutex> lock(mutex_);
  const Lane& counting = lane.parent_ == nullptr ? lane : *lane.parent_;
  if (counting.given_up_ < counting.limit_) return 0;
  *server = counting.server_;
  return counting.given_up_;
}

}  // namespace podman_bootc
