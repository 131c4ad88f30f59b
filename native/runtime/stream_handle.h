#pragma once

#include <libvirt/libvirt.h>
#include <napi.h>

#include <cstdint>
#include <memory>
#include <mutex>

#include "runtime/connection_handle.h"
#include "runtime/handle.h"
#include "runtime/memory.h"
#include "runtime/task.h"

namespace podman_bootc {

class StreamHandle;

// Something to do with a stream: receive, send, finish or abort. It waits in the stream until libvirt can do
// it without blocking.
class StreamTask : public Task {
 public:
  enum class Slot { kReceive, kSend, kFinish, kAbort };
  // kMore: there is more to do at once; kWait: when the stream is ready again.
  enum class Outcome { kDone, kMore, kWait, kFailed };

  StreamTask(const char* api, std::shared_ptr<StreamHandle> stream, Slot slot)
      : Task(api, nullptr), slot_(slot), stream_(std::move(stream)) {}

  Slot slot() const { return slot_; }
  const char* api() const { return api_; }

  // Executor thread.
  virtual Outcome Attempt(virStreamPtr) { return Outcome::kDone; }
  // This side ended the stream while this waited: true when that is what it waited for.
  virtual bool AcceptEnd() { return false; }

  void Succeed() { Finish(); }
  void Fail(Failure failure) { FinishWith(std::move(failure)); }

 protected:
  bool Begin() override;
  bool Run(Failure*) override { return true; }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

 private:
  const Slot slot_;
  const std::shared_ptr<StreamHandle> stream_;
};

// A non-blocking stream. libvirt must not be called for one stream by two threads at once, and not at all on
// the event thread, because sending waits for the daemon to take the data: all calls for a stream are made
// by one job of the executor, which is queued when there is a task, or when the event thread says that the
// stream is ready. It is in its connection's list until it ends.
class StreamHandle final : public std::enable_shared_from_this<StreamHandle> {
 public:
  // Null with a reason.
  static std::shared_ptr<StreamHandle> Create(std::shared_ptr<ConnectionHandle> connection,
                                              Owned<virStream, virStreamFree> owned, Failure* failure);
  // The connection broke; libvirt does not wake all the streams it had.
  static void OnConnectionLost(virConnectPtr connection);

  StreamHandle(std::shared_ptr<ConnectionHandle> connection, virStreamPtr stream, virConnectPtr identity);

  // False when the stream has ended or its connection is closing.
  bool Submit(std::shared_ptr<StreamTask> task);
  // Nobody can use it any longer: aborts it.
  void Abandon();
  // Aborts it and fails what waits. For the close of the connection, when no job can run any longer.
  void EndWithConnection();

 private:
  static void OnEvent(virStreamPtr stream, int events, void* opaque);

  std::shared_ptr<StreamTask>& SlotOf(StreamTask::Slot slot);
  bool Schedule();
  void Work();
  void Attempt(StreamTask::Slot slot, bool* more);
  void Complete(StreamTask::Slot slot, const Failure* failure);
  // Gives the stream back to libvirt; `failure` gets the reason when finishing fails.
  bool End(bool finish, Failure* failure);
  // Fails what waits. `at_end`: this side ended the stream, which is what some tasks wait for.
  void FailAll(const Failure& reason, bool at_end);

  const std::shared_ptr<ConnectionHandle> connection_;
  // To compare with, not to use.
  const virConnectPtr identity_;
  const uint64_t token_;
  // Used by the job alone, or by the close.
  virStreamPtr stream_;

  std::mutex mutex_;
  std::shared_ptr<StreamTask> slots_[4];
  bool working_ = false;
  bool again_ = false;
  bool abandoned_ = false;
  bool lost_ = false;
  bool ended_ = false;
};

// What the JavaScript handle owns. Tasks hold the stream itself: a task that waits keeps the handle alive by
// its promise, but must not keep a stream open whose worker has exited.
class StreamReference {
 public:
  static constexpr napi_type_tag kTag = {0x73b0e5d8a94c4f21, 0xbc17f02e6d3985a4};
  static constexpr const char* kExpected = "a handle of a stream";

  explicit StreamReference(std::shared_ptr<StreamHandle> stream) : stream_(std::move(stream)) {}
  ~StreamReference() { stream_->Abandon(); }
  StreamReference(const StreamReference&) = delete;
  StreamReference& operator=(const StreamReference&) = delete;

  const std::shared_ptr<StreamHandle>& stream() const { return stream_; }

 private:
  const std::shared_ptr<StreamHandle> stream_;
};

}  // namespace podman_bootc
