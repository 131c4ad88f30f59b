#pragma once

#include <napi.h>

#include <string>

namespace podman_bootc {

// Why a call failed, copied on the thread that made it: libvirt's last error is thread-local.
struct Failure {
  enum class Kind { kLibvirt, kSystem };

  Kind kind = Kind::kLibvirt;
  int number = 0;       // virErrorNumber, or an errno
  int domain = 0;       // virErrorDomain
  int level = 0;        // virErrorLevel
  std::string message;  // empty for what the errno says
  const char* api = "";

  bool empty() const { return number == 0; }
  // As an error of JavaScript's, where there is no promise to reject.
  void Throw(Napi::Env env) const;
  // What promises are rejected with; src/libvirt/error.ts makes the error that users see of it.
  Napi::Value ToObject(Napi::Env env) const;
};

// The failure of the libvirt call this thread has just made.
Failure LastFailure(const char* api);
Failure SystemFailure(const char* api, int number);
// The standard library throws when there is no memory, or no container has the size that is asked for.
// Nothing else of ours throws, so what is caught of it is this: in every call of the addon, on either side of
// the queue. What libvirt and Node cannot allocate ends the process, which is their way. Takes no memory
// itself.
Failure OutOfMemory(const char* api);
// A call that is not made, because so many to the same server were given up and have not ended.
Failure BusyFailure(const char* api, size_t given_up, const std::string& server);
// A call on a connection that was closed, in libvirt's own terms.
Failure ClosedFailure(const char* api);

}  // namespace podman_bootc
