#include "runtime/stream_handle.h"

#include <libvirt/virterror.h>

#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/executor.h"
#include "runtime/subscription.h"

namespace podman_bootc {
namespace {

// libvirt gets a token as its opaque pointer, as for a Subscription.
struct Registry {
  std::mutex mutex;
  std::unordered_map<uint64_t, std::weak_ptr<StreamHandle>> streams;
};

Registry& GetRegistry() {
  static Registry* registry = new Registry();
  return *registry;
}

Failure StreamFailure(int number, const char* message) {
  Failure failure;
  failure.number = number;
  failure.domain = VIR_FROM_STREAMS;
  failure.level = VIR_ERR_ERROR;
  failure.message = message;
  return failure;
}

}  // namespace

bool StreamTask::Begin() { return stream_->Submit(std::static_pointer_cast<StreamTask>(shared_from_this())); }

StreamHandle::StreamHandle(std::shared_ptr<ConnectionHandle> connection, virStreamPtr stream,
                           virConnectPtr identity)
    : connection_(std::move(connection)),
      identity_(identity),
      token_(Subscription::NewToken()),
      stream_(stream) {}

std::shared_ptr<StreamHandle> StreamHandle::Create(std::shared_ptr<ConnectionHandle> connection,
                                                   Owned<virStream, virStreamFree> owned, Failure* failure) {
  virStreamPtr stream = owned.get();
  auto handle = std::make_shared<StreamHandle>(connection, stream, connection->get());
  {
    Registry& registry = GetRegistry();
    std::lock_guard<std::mutex> lock(registry.mutex);
    registry.streams[handle->token_] = handle;
  }
  connection->AddStream(handle);
  // It ends with the connection at the latest.
  owned.release();
  // Of interest is nothing until there is a task.
  void* opaque = reinterpret_cast<void*>(static_cast<uintptr_t>(handle->token_));
  if (virStreamEventAddCallback(stream, 0, OnEvent, opaque, nullptr) == 0) return handle;
  *failure = LastFailure("virStreamEventAddCallback");
  handle->End(false, nullptr);
  return nullptr;
}

void StreamHandle::OnEvent(virStreamPtr stream, int, void* opaque) {
  // Readiness lasts until the job has seen to it; without this the event thread would spin. The order counts:
  // a job that has just asked for events again is told to come back.
  virStreamEventUpdateCallback(stream, 0);
  std::shared_ptr<StreamHandle> handle;
  {
    Registry& registry = GetRegistry();
    std::lock_guard<std::mutex> lock(registry.mutex);
    auto found = registry.streams.find(reinterpret_cast<uintptr_t>(opaque));
    if (found != registry.streams.end()) handle = found->second.lock();
  }
  if (handle != nullptr) handle->Schedule();
}

void StreamHandle::OnConnectionLost(virConnectPtr connection) {
  std::vector<std::shared_ptr<StreamHandle>> lost;
  {
    Registry& registry = GetRegistry();
    std::lock_guard<std::mutex> lock(registry.mutex);
    for (auto& entry : registry.streams) {
      auto handle = entry.second.lock();
      if (handle != nullptr && handle->identity_ == connection) lost.push_back(std::move(handle));
    }
  }
  for (auto& handle : lost) {
    {
      std::lock_guard<std::mutex> lock(handle->mutex_);
      handle->lost_ = true;
    }
    handle->Schedule();
  }
}

std::shared_ptr<StreamTask>& StreamHandle::SlotOf(StreamTask::Slot slot) {
  return slots_[static_cast<size_t>(slot)];
}

bool StreamHandle::Submit(std::shared_ptr<StreamTask> task) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    std::shared_ptr<StreamTask>& slot = SlotOf(task->slot());
    // src/libvirt sends and receives one thing at a time.
    if (ended_ || slot != nullptr) return false;
    slot = task;
  }
  if (Schedule()) return true;
  std::lock_guard<std::mutex> lock(mutex_);
  std::shared_ptr<StreamTask>& slot = SlotOf(task->slot());
  // The close may have failed it already.
  if (slot != task) return true;
  slot.reset();
  return false;
}

void StreamHandle::Abandon() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (ended_) return;
    abandoned_ = true;
  }
  // Where the connection is closing, that aborts the stream.
  Schedule();
}

bool StreamHandle::Schedule() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (ended_) return false;
  if (working_) {
    again_ = true;
    return true;
  }
  if (!connection_->EnterStream()) return false;
  working_ = true;
  lock.unlock();
  auto self = shared_from_this();
  int error = Executor::Get().SubmitFunction(connection_->lane(), [self] { self->Work(); });
  if (error == 0) return true;
  lock.lock();
  working_ = false;
  lock.unlock();
  FailAll(SystemFailure("pthread_create", error), false);
  connection_->LeaveStream();
  return true;
}

void StreamHandle::Work() {
  using Slot = StreamTask::Slot;
  for (;;) {
    bool more = false, abort, finish, lost;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      again_ = false;
      abort = abandoned_ || SlotOf(Slot::kAbort) != nullptr;
    }
    if (stream_ != nullptr && !abort) {
      Attempt(Slot::kSend, &more);
      Attempt(Slot::kReceive, &more);
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      abort = abandoned_ || SlotOf(Slot::kAbort) != nullptr;
      finish = SlotOf(Slot::kFinish) != nullptr && SlotOf(Slot::kSend) == nullptr;
      lost = lost_;
    }
    if (stream_ != nullptr && abort) {
      End(false, nullptr);
      Complete(Slot::kAbort, nullptr);
      FailAll(StreamFailure(VIR_ERR_OPERATION_ABORTED, "The stream was aborted"), true);
    } else if (stream_ != nullptr && finish) {
      Failure failure;
      bool finished = End(true, &failure);
      Complete(Slot::kFinish, finished ? nullptr : &failure);
      FailAll(StreamFailure(VIR_ERR_OPERATION_ABORTED, "The stream was finished"), true);
    } else if (lost && !more) {
      FailAll(StreamFailure(VIR_ERR_RPC, "The connection to libvirt broke"), false);
    }
    if (stream_ != nullptr && !more) {
      int interest = 0;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (SlotOf(Slot::kReceive) != nullptr) interest |= VIR_STREAM_EVENT_READABLE;
        if (SlotOf(Slot::kSend) != nullptr) interest |= VIR_STREAM_EVENT_WRITABLE;
      }
      if (interest != 0)
        virStreamEventUpdateCallback(stream_, interest | VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP);
    }
    std::lock_guard<std::mutex> lock(mutex_);
    if (!more && (!again_ || ended_)) {
      working_ = false;
      break;
    }
  }
  connection_->LeaveStream();
}

void StreamHandle::Attempt(StreamTask::Slot slot, bool* more) {
  std::shared_ptr<StreamTask> task;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    task = SlotOf(slot);
  }
  if (task == nullptr) return;
  virResetLastError();
  StreamTask::Outcome outcome;
  try {
    outcome = task->Attempt(stream_);
  } catch (const std::exception&) {
    Failure failure = OutOfMemory(task->api());
    Complete(slot, &failure);
    return;
  }
  switch (outcome) {
    case StreamTask::Outcome::kDone:
      Complete(slot, nullptr);
      break;
    case StreamTask::Outcome::kFailed: {
      Failure failure = LastFailure(task->api());
      Complete(slot, &failure);
      break;
    }
    case StreamTask::Outcome::kMore:
      *more = true;
      break;
    case StreamTask::Outcome::kWait:
      break;
  }
}

void StreamHandle::Complete(StreamTask::Slot slot, const Failure* failure) {
  std::shared_ptr<StreamTask> task;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    task = std::move(SlotOf(slot));
    SlotOf(slot).reset();
  }
  if (task == nullptr) return;
  if (failure == nullptr)
    task->Succeed();
  else
    task->Fail(*failure);
}

void StreamHandle::FailAll(const Failure& reason, bool at_end) {
  for (auto slot : {StreamTask::Slot::kReceive, StreamTask::Slot::kSend, StreamTask::Slot::kFinish,
                    StreamTask::Slot::kAbort}) {
    std::shared_ptr<StreamTask> task;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      task = SlotOf(slot);
    }
    if (task == nullptr) continue;
    Failure failure = reason;
    failure.api = task->api();
    Complete(slot, at_end && task->AcceptEnd() ? nullptr : &failure);
  }
}

bool StreamHandle::End(bool finish, Failure* failure) {
  virStreamPtr stream = std::exchange(stream_, nullptr);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
  }
  bool done = true;
  if (stream != nullptr) {
    virStreamEventRemoveCallback(stream);
    virResetLastError();
    done = finish ? virStreamFinish(stream) == 0 : virStreamAbort(stream) == 0;
    if (!done && failure != nullptr) *failure = LastFailure("virStreamFinish");
    virStreamFree(stream);
  }
  {
    Registry& registry = GetRegistry();
    std::lock_guard<std::mutex> lock(registry.mutex);
    registry.streams.erase(token_);
  }
  connection_->RemoveStream(this);
  return done;
}

void StreamHandle::EndWithConnection() {
  End(false, nullptr);
  Complete(StreamTask::Slot::kAbort, nullptr);
  FailAll(ClosedFailure(""), false);
}

}  // namespace podman_bootc
