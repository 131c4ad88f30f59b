#include <libvirt/libvirt.h>

#include "domain_calls.h"

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
  exports.Set("domainSetMemory", Napi::Function::New<SetMemory>(env));
  exports.Set("domainSetVcpus", Napi::Function::New<SetVcpus>(env));
  exports.Set("domainGetVcpus", Napi::Function::New<GetVcpus>(env));
  exports.Set("domainAttachDevice", Napi::Function::New<AttachDevice>(env));
  exports.Set("domainDetachDevice", Napi::Function::New<DetachDevice>(env));
  exports.Set("domainDetachDeviceAlias", Napi::Function::New<DetachDeviceAlias>(env));
  exports.Set("domainUpdateDevice", Napi::Function::New<UpdateDevice>(env));
}

}  // namespace podman_bootc
