#include <libvirt/libvirt.h>

#include "calls/domain_calls.h"

namespace podman_bootc {
namespace {

// (domain, KiB, flags, id) => Promise<undefined>
Napi::Value SetMemory(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainSetMemoryFlags", virDomainSetMemoryFlags);
}

Napi::Value SetVcpus(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainSetVcpusFlags", virDomainSetVcpusFlags);
}

// (domain, flags, id) => Promise<number>
Napi::Value GetVcpus(const Napi::CallbackInfo& info) {
  return Ask(info, "virDomainGetVcpusFlags", virDomainGetVcpusFlags, NumberToValue<int>);
}

Napi::Value AttachDevice(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainAttachDeviceFlags", virDomainAttachDeviceFlags);
}

Napi::Value DetachDevice(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainDetachDeviceFlags", virDomainDetachDeviceFlags);
}

Napi::Value DetachDeviceAlias(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainDetachDeviceAlias", virDomainDetachDeviceAlias);
}

Napi::Value UpdateDevice(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainUpdateDeviceFlags", virDomainUpdateDeviceFlags);
}

}  // namespace

void ExportDomainDevices(Napi::Env env, Napi::Object exports) {
  Exporter add(env, exports);
  add("domainSetMemory", SetMemory);
  add("domainSetVcpus", SetVcpus);
  add("domainGetVcpus", GetVcpus);
  add("domainAttachDevice", AttachDevice);
  add("domainDetachDevice", DetachDevice);
  add("domainDetachDeviceAlias", DetachDeviceAlias);
  add("domainUpdateDevice", UpdateDevice);
}

}  // namespace podman_bootc
