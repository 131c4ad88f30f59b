#include <libvirt/libvirt.h>

#include <vector>

#include "calls/domain_calls.h"

namespace podman_bootc {
namespace {

Napi::Value Reboot(const Napi::CallbackInfo& info) { return Act(info, "virDomainReboot", virDomainReboot); }

Napi::Value Reset(const Napi::CallbackInfo& info) { return Act(info, "virDomainReset", virDomainReset); }

Napi::Value Suspend(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainSuspend", virDomainSuspend);
}

Napi::Value Resume(const Napi::CallbackInfo& info) { return Act(info, "virDomainResume", virDomainResume); }

Napi::Value ManagedSave(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainManagedSave", virDomainManagedSave);
}

// (domain, flags, id) => Promise<boolean>
Napi::Value HasManagedSave(const Napi::CallbackInfo& info) {
  return Ask(info, "virDomainHasManagedSaveImage", virDomainHasManagedSaveImage, IntToBoolean);
}

Napi::Value RemoveManagedSave(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainManagedSaveRemove", virDomainManagedSaveRemove);
}

Napi::Value Rename(const Napi::CallbackInfo& info) { return Act(info, "virDomainRename", virDomainRename); }

// (domain, id) => Promise<boolean>
Napi::Value GetAutostart(const Napi::CallbackInfo& info) {
  return OnDomain(
      info, "virDomainGetAutostart",
      +[](int& answer, virDomainPtr domain) { return virDomainGetAutostart(domain, &answer) == 0; },
      IntToBoolean);
}

Napi::Value SetAutostart(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainSetAutostart", virDomainSetAutostart);
}

// (domain, codeset, holdtime, codes, flags, id) => Promise<undefined>
Napi::Value SendKey(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto domain = arguments.Domain();
  uint32_t codeset = arguments.Unsigned();
  uint32_t holdtime = arguments.Unsigned();
  std::vector<uint32_t> codes = arguments.UnsignedList();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<Nothing>(
      info, id, "virDomainSendKey", domain->connection(),
      [domain, codeset, holdtime, codes, flags](Nothing&) mutable {
        return virDomainSendKey(domain->get(), codeset, holdtime, codes.data(),
                                static_cast<int>(codes.size()), flags) == 0;
      },
      ToUndefined);
}

// (domain, flags, id) => Promise<string[]>
Napi::Value GetMessages(const Napi::CallbackInfo& info) {
  using Messages = std::vector<std::string>;
  return OnDomain(
      info, "virDomainGetMessages",
      +[](Messages& messages, virDomainPtr domain, unsigned int flags) {
        char** list = nullptr;
        int count = virDomainGetMessages(domain, &list, flags);
        if (count < 0) return false;
        OwnedList<char, FreeMemory> owned(list, count);
        for (int i = 0; i < count; i++) messages.emplace_back(owned[i]);
        return true;
      },
      StringsToValue);
}

}  // namespace

void ExportDomainPower(Napi::Env env, Napi::Object exports) {
  Exporter add(env, exports);
  add("domainReboot", Reboot);
  add("domainReset", Reset);
  add("domainSuspend", Suspend);
  add("domainResume", Resume);
  add("domainManagedSave", ManagedSave);
  add("domainHasManagedSave", HasManagedSave);
  add("domainRemoveManagedSave", RemoveManagedSave);
  add("domainRename", Rename);
  add("domainGetAutostart", GetAutostart);
  add("domainSetAutostart", SetAutostart);
  add("domainSendKey", SendKey);
  add("domainGetMessages", GetMessages);
}

}  // namespace podman_bootc
