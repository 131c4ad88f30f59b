#include <libvirt/libvirt.h>

#include "calls.h"

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
  Arguments arguments(info);
  auto domain = arguments.Domain();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<State>(
      info, id, "virDomainGetState", domain->connection(),
      [domain](State& result) {
        return virDomainGetState(domain->get(), &result.state, &result.reason, 0) == 0;
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
  Arguments arguments(info);
  auto domain = arguments.Domain();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<virDomainInfo>(
      info, id, "virDomainGetInfo", domain->connection(),
      [domain](virDomainInfo& result) { return virDomainGetInfo(domain->get(), &result) == 0; },
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

// (domain, id) => Promise<boolean>
template <int (*function)(virDomainPtr)>
Napi::Value Ask(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto domain = arguments.Domain();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<int>(
      info, id, api, domain->connection(),
      [domain](int& answer) { return (answer = function(domain->get())) >= 0; }, IntToBoolean);
}

Napi::Value IsActive(const Napi::CallbackInfo& info) {
  return Ask<virDomainIsActive>(info, "virDomainIsActive");
}

Napi::Value IsPersistent(const Napi::CallbackInfo& info) {
  return Ask<virDomainIsPersistent>(info, "virDomainIsPersistent");
}

// (domain, flags, id) => Promise<string>
Napi::Value GetXml(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto domain = arguments.Domain();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::string>(
      info, id, "virDomainGetXMLDesc", domain->connection(),
      [domain, flags](std::string& xml) {
        return TakeString(virDomainGetXMLDesc(domain->get(), flags), xml);
      },
      StringToValue);
}

// (domain, type, uri | undefined, flags, id) => Promise<string>
Napi::Value GetMetadata(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto domain = arguments.Domain();
  int32_t type = arguments.Integer();
  auto uri = arguments.StringOrUndefined();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::string>(
      info, id, "virDomainGetMetadata", domain->connection(),
      [domain, type, uri, flags](std::string& metadata) {
        return TakeString(virDomainGetMetadata(domain->get(), type, uri.get(), flags), metadata);
      },
      StringToValue);
}

// (domain, type, metadata | undefined, key | undefined, uri | undefined, flags, id) => Promise<undefined>
Napi::Value SetMetadata(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto domain = arguments.Domain();
  int32_t type = arguments.Integer();
  auto metadata = arguments.StringOrUndefined();
  auto key = arguments.StringOrUndefined();
  auto uri = arguments.StringOrUndefined();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<Nothing>(
      info, id, "virDomainSetMetadata", domain->connection(),
      [domain, type, metadata, key, uri, flags](Nothing&) {
        return virDomainSetMetadata(domain->get(), type, metadata.get(), key.get(), uri.get(), flags) == 0;
      },
      ToUndefined);
}

// (domain, flags, id) => Promise<undefined>
template <int (*function)(virDomainPtr, unsigned int)>
Napi::Value Act(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto domain = arguments.Domain();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<Nothing>(
      info, id, api, domain->connection(),
      [domain, flags](Nothing&) { return function(domain->get(), flags) == 0; }, ToUndefined);
}

Napi::Value Create(const Napi::CallbackInfo& info) {
  return Act<virDomainCreateWithFlags>(info, "virDomainCreateWithFlags");
}

Napi::Value Shutdown(const Napi::CallbackInfo& info) {
  return Act<virDomainShutdownFlags>(info, "virDomainShutdownFlags");
}

Napi::Value Destroy(const Napi::CallbackInfo& info) {
  return Act<virDomainDestroyFlags>(info, "virDomainDestroyFlags");
}

Napi::Value Undefine(const Napi::CallbackInfo& info) {
  return Act<virDomainUndefineFlags>(info, "virDomainUndefineFlags");
}

}  // namespace

void ExportDomain(Napi::Env env, Napi::Object exports) {
  exports.Set("domainClose", Napi::Function::New<Close>(env));
  exports.Set("domainGetState", Napi::Function::New<GetState>(env));
  exports.Set("domainGetInfo", Napi::Function::New<GetInfo>(env));
  exports.Set("domainIsActive", Napi::Function::New<IsActive>(env));
  exports.Set("domainIsPersistent", Napi::Function::New<IsPersistent>(env));
  exports.Set("domainGetXml", Napi::Function::New<GetXml>(env));
  exports.Set("domainGetMetadata", Napi::Function::New<GetMetadata>(env));
  exports.Set("domainSetMetadata", Napi::Function::New<SetMetadata>(env));
  exports.Set("domainCreate", Napi::Function::New<Create>(env));
  exports.Set("domainShutdown", Napi::Function::New<Shutdown>(env));
  exports.Set("domainDestroy", Napi::Function::New<Destroy>(env));
  exports.Set("domainUndefine", Napi::Function::New<Undefine>(env));
}

}  // namespace podman_bootc
