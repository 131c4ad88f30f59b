#include <dlfcn.h>
#include <napi.h>

#include <exception>

#include "calls/call.h"

namespace podman_bootc {
namespace {

// (id, reason) => undefined. Rejects the promise of a call with the reason; without such a call nothing.
Napi::Value Abandon(const Napi::CallbackInfo& info, const char*) {
  Arguments arguments(info);
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  Environment& environment = Environment::Of(info.Env());
  std::shared_ptr<Task> task = environment.FindCall(id);
  if (task != nullptr) task->Abandon(environment, info[1]);
  return info.Env().Undefined();
}

const Entries kEntries = {{"abandon", nullptr, Abandon}};

// Node unmaps an addon when the worker that loaded it exits, but the event thread and the executor run on in
// its code. The linker flag `-z nodelete` in binding.gyp does this where it exists.
void PinInMemory() {
#ifdef __APPLE__
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&PinInMemory), &self) != 0)
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NODELETE);
#endif
}

napi_value Invoke(napi_env env, napi_callback_info callback) {
  Napi::CallbackInfo info(env, callback);
  const auto* entry = static_cast<const Entry*>(info.Data());
  try {
    return entry->function(info, entry->api);
  } catch (const std::exception&) {
    OutOfMemory("the arguments").Throw(env);
    return nullptr;
  }
}

// Napi::Function::New would allocate data for each of them, because they are not known when this is compiled.
void Export(Napi::Env env, Napi::Object exports, const Entry& entry) {
  napi_value value;
  auto* data = const_cast<Entry*>(&entry);
  if (napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, Invoke, data, &value) == napi_ok)
    exports.Set(entry.name, Napi::Value(env, value));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  PinInMemory();
  Environment::Create(env);
  for (const Entries& entries :
       {kEntries, kConnectionEntries, kDomainEntries, kDomainBlockEntries, kDomainEventEntries,
        kDomainGuestEntries, kDomainSnapshotEntries, kDomainStatisticsEntries, kFileLockEntries,
        kNetworkEntries, kStoragePoolEntries, kStorageVolumeEntries, kStreamEntries})
    for (const Entry& entry : entries) Export(env, exports, entry);
  return exports;
}

}  // namespace
}  // namespace podman_bootc

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) {
  return podman_bootc::Init(env, exports);
}

NODE_API_MODULE(libvirt, InitAddon)
