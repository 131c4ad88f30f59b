#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "calls/call.h"

namespace podman_bootc {
namespace {

// flock(2) without waiting. It runs on the executor because a network file system may make even that wait.
class FlockTask final : public Task {
 public:
  // Takes the descriptor over, a duplicate: locks belong to the open file, not to the descriptor, so the
  // caller's one is locked with it, and may be closed and reused while the call is still in the queue.
  FlockTask(const char* api, int fd, int operation) : Task(api, nullptr), fd_(fd), operation_(operation) {}
  ~FlockTask() override { CloseDuplicate(); }

 protected:
  bool Run(Failure* failure) override {
    int result;
    do result = flock(fd_, operation_ | LOCK_NB);
    while (result != 0 && errno == EINTR);
    int error = errno;
    // At once: a lock ends with the last descriptor of the file.
    CloseDuplicate();
    locked_ = result == 0;
    if (locked_ || error == EWOULDBLOCK) return true;
    *failure = SystemFailure(api_, error);
    return false;
  }

  Napi::Value Result(Napi::Env env) override { return Napi::Boolean::New(env, locked_); }

 private:
  void CloseDuplicate() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  int fd_;
  const int operation_;
  bool locked_ = false;
};

// (fd, 'shared' | 'exclusive' | 'unlock') => Promise<boolean>; false when it is locked by somebody else
Napi::Value Flock(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  int32_t fd = arguments.Integer();
  std::string operation = arguments.String();
  if (!arguments.ok()) return Napi::Value();
  int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) {
    Napi::Env env = info.Env();
    Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env);
    deferred.Reject(SystemFailure(api, errno).ToObject(env));
    return deferred.Promise();
  }
  int flags = operation == "unlock" ? LOCK_UN : operation == "shared" ? LOCK_SH : LOCK_EX;
  return std::make_shared<FlockTask>(api, duplicate, flags)->Start(Environment::Of(info.Env()), 0);
}

}  // namespace

const Entries kFileLockEntries = {{"flock", "flock", Flock}};

}  // namespace podman_bootc
