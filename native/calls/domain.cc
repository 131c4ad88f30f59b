#include <libvirt/libvirt.h>

#include "calls/domain_calls.h"

namespace podman_bootc {
namespace {

// (domain) => undefined. Calls in flight keep the reference until they end.
Napi::Value Close(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  HandleBox<DomainHandle>* box = arguments.DomainBox();
  if (box != nullptr) box->state.reset();
  return info.Env().Undefined();
}

// (domain, id) => Promise<[state, reason]>
Napi::Value GetState(const Napi::CallbackInfo& info) {
  struct State {
    int state;
    int reason;
  };
  return OnDomain(
      info, "virDomainGetState",
      +[](State& result, virDomainPtr domain) {
        return virDomainGetState(domain, &result.state, &result.reason, 0) == 0;
      },
      [](Napi::Env env, State& result) -> Napi::Value {
        Napi::Array array = Napi::Array::New(env, 2);
        array.Set(0u, result.state);
        array.Set(1u, result.reason);
        return array;
      });
}

// (domain, id) => Promise<{ state, maxMemory, memory, vcpus, cpuTime }>
Napi::Value GetInfo(const Napi::CallbackInfo& info) {
  return OnDomain(
      info, "virDomainGetInfo",
      +[](virDomainInfo& result, virDomainPtr domain) { return virDomainGetInfo(domain, &result) == 0; },
      [](Napi::Env env, virDomainInfo& result) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("state", static_cast<uint32_t>(result.state));
        object.Set("maxMemory", Napi::BigInt::New(env, static_cast<uint64_t>(result.maxMem)));
        object.Set("memory", Napi::BigInt::New(env, static_cast<uint64_t>(result.memory)));
        object.Set("vcpus", static_cast<uint32_t>(result.nrVirtCpu));
        object.Set("cpuTime", Napi::BigInt::New(env, static_cast<uint64_t>(result.cpuTime)));
        return object;
      });
}

Napi::Value IsActive(const Napi::CallbackInfo& info) {
  return Ask(info, "virDomainIsActive", virDomainIsActive, IntToBoolean);
}

Napi::Value IsPersistent(const Napi::CallbackInfo& info) {
  return Ask(info, "virDomainIsPersistent", virDomainIsPersistent, IntToBoolean);
}

// (domain, flags, id) => Promise<string>
Napi::Value GetXml(const Napi::CallbackInfo& info) {
  return GetText(info, "virDomainGetXMLDesc", virDomainGetXMLDesc);
}

// (domain, type, uri | undefined, flags, id) => Promise<string>
Napi::Value GetMetadata(const Napi::CallbackInfo& info) {
  return OnDomain(
      info, "virDomainGetMetadata",
      +[](std::string& metadata, virDomainPtr domain, int type, OptionalText uri, unsigned int flags) {
        return TakeString(virDomainGetMetadata(domain, type, uri.text, flags), metadata);
      },
      StringToValue);
}

// (domain, type, metadata | undefined, key | undefined, uri | undefined, flags, id) => Promise<undefined>
Napi::Value SetMetadata(const Napi::CallbackInfo& info) {
  return OnDomain(
      info, "virDomainSetMetadata",
      +[](Nothing&, virDomainPtr domain, int type, OptionalText metadata, OptionalText key, OptionalText uri,
          unsigned int flags) {
        return virDomainSetMetadata(domain, type, metadata.text, key.text, uri.text, flags) == 0;
      },
      ToUndefined);
}

Napi::Value Create(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainCreateWithFlags", virDomainCreateWithFlags);
}

Napi::Value Shutdown(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainShutdownFlags", virDomainShutdownFlags);
}

Napi::Value Destroy(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainDestroyFlags", virDomainDestroyFlags);
}

Napi::Value Undefine(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainUndefineFlags", virDomainUndefineFlags);
}

}  // namespace

void ExportDomain(Napi::Env env, Napi::Object exports) {
  Exporter add(env, exports);
  add("domainClose", Close);
  add("domainGetState", GetState);
  add("domainGetInfo", GetInfo);
  add("domainIsActive", IsActive);
  add("domainIsPersistent", IsPersistent);
  add("domainGetXml", GetXml);
  add("domainGetMetadata", GetMetadata);
  add("domainSetMetadata", SetMetadata);
  add("domainCreate", Create);
  add("domainShutdown", Shutdown);
  add("domainDestroy", Destroy);
  add("domainUndefine", Undefine);
}

}  // namespace podman_bootc
