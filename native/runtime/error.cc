#include "runtime/error.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <cerrno>
#include <cstring>

namespace podman_bootc {

Napi::Value Failure::ToObject(Napi::Env env) const {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", kind == Kind::kLibvirt ? "libvirt" : "system");
  object.Set("number", number);
  object.Set("domain", domain);
  object.Set("level", level);
  object.Set("message", message.empty() ? std::strerror(number) : message.c_str());
  object.Set("api", api);
  return object;
}

void Failure::Throw(Napi::Env env) const {
  // Throwing over a pending exception ends the process.
  if (!env.IsExceptionPending()) napi_throw(env, ToObject(env));
}

Failure LastFailure(const char* api) {
  Failure failure;
  failure.api = api;
  virErrorPtr error = virGetLastError();
  if (error == nullptr || error->code == VIR_ERR_OK) {
    // Some paths in libvirt fail without saying why; the call has failed all the same.
    failure.number = VIR_ERR_INTERNAL_ERROR;
    failure.level = VIR_ERR_ERROR;
    failure.message = std::string(api) + " failed, and libvirt does not say why";
    return failure;
  }
  failure.number = error->code;
  failure.domain = error->domain;
  failure.level = error->level;
  failure.message = error->message != nullptr ? error->message : std::string(api) + " failed";
  return failure;
}

Failure SystemFailure(const char* api, int number) {
  Failure failure;
  failure.kind = Failure::Kind::kSystem;
  failure.number = number;
  failure.level = VIR_ERR_ERROR;
  failure.api = api;
  return failure;
}

Failure OutOfMemory(const char* api) { return SystemFailure(api, ENOMEM); }

Failure BusyFailure(const char* api, size_t given_up, const std::string& server) {
  Failure failure;
  failure.number = VIR_ERR_RESOURCE_BUSY;
  failure.level = VIR_ERR_ERROR;
  failure.message = (server.empty() ? "libvirt" : "libvirt at " + server) + " has not answered " +
                    std::to_string(given_up) +
                    " calls that were given up; there can be another one when one of them has ended";
  failure.api = api;
  return failure;
}

Failure ClosedFailure(const char* api) {
  Failure failure;
  failure.number = VIR_ERR_INVALID_CONN;
  failure.level = VIR_ERR_ERROR;
  failure.message = "The libvirt connection is closed";
  failure.api = api;
  return failure;
}

}  // namespace podman_bootc
