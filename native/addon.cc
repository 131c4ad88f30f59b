#include <dlfcn.h>
#include <napi.h>

#include "calls/calls.h"
#include "runtime/environment.h"
#include "runtime/task.h"

namespace podman_bootc {
namespace {

// (id, reason) => undefined. Rejects the promise of a call with the reason; without such a call nothing.
Napi::Value Abandon(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  Environment& environment = Environment::Of(info.Env());
  std::shared_ptr<Task> task = environment.FindCall(id);
  if (task != nullptr) task->Abandon(environment, info[1]);
  return info.Env().Undefined();
}

// Node unmaps an addon when the worker that loaded it exits, but the event thread and the executor run on in
// its code. The linker flag `-z nodelete` in binding.gyp does this where it exists.
void PinInMemory() {
#ifdef __APPLE__
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&PinInMemory), &self) != 0)
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NODELETE);
#endif
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  PinInMemory();
  Environment::Create(env);
  Exporter(env, exports)("abandon", Abandon);
  ExportConnection(env, exports);
  ExportCredentials(env, exports);
  ExportDomain(env, exports);
  ExportDomainBlock(env, exports);
  ExportDomainDevices(env, exports);
  ExportDomainGuest(env, exports);
  ExportDomainPower(env, exports);
  ExportDomainScreenshot(env, exports);
  ExportDomainSnapshot(env, exports);
  ExportDomainStats(env, exports);
  ExportEvents(env, exports);
  ExportFileLock(env, exports);
  ExportNetwork(env, exports);
  ExportStoragePool(env, exports);
  ExportStorageVolume(env, exports);
  ExportStream(env, exports);
  return exports;
}

}  // namespace
}  // namespace podman_bootc

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) {
  return podman_bootc::Init(env, exports);
}

NODE_API_MODULE(libvirt, InitAddon)
