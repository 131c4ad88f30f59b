#include <libvirt/libvirt.h>

#include "calls/call.h"

namespace podman_bootc {
namespace {

// (domain, id) => Promise<[state, reason]>
bool GetState(Answer& answer, virDomainPtr domain) {
  int state = 0;
  int reason = 0;
  return answer.Done(virDomainGetState(domain, &state, &reason, 0)) &&
         answer.Give(Value::List{state, reason});
}

// (domain, id) => Promise<{ state, maxMemory, memory, vcpus, cpuTime }>
bool GetInfo(Answer& answer, virDomainPtr domain) {
  virDomainInfo info;
  return answer.Done(virDomainGetInfo(domain, &info)) &&
         answer.Give(Value::Fields{{"state", info.state},
                                   {"maxMemory", info.maxMem},
                                   {"memory", info.memory},
                                   {"vcpus", info.nrVirtCpu},
                                   {"cpuTime", info.cpuTime}});
}

// (domain, type, uri | undefined, flags, id) => Promise<string>
bool GetMetadata(Answer& answer, virDomainPtr domain, int type, OptionalText uri, unsigned int flags) {
  return answer.Text(virDomainGetMetadata(domain, type, uri.text, flags));
}

// (domain, type, metadata | undefined, key | undefined, uri | undefined, flags, id) => Promise<undefined>
bool SetMetadata(Answer& answer, virDomainPtr domain, int type, OptionalText metadata, OptionalText key,
                 OptionalText uri, unsigned int flags) {
  return answer.Done(virDomainSetMetadata(domain, type, metadata.text, key.text, uri.text, flags));
}

// (domain, codeset, holdtime, codes, flags, id) => Promise<undefined>
bool SendKey(Answer& answer, virDomainPtr domain, unsigned int codeset, unsigned int holdtime,
             std::vector<unsigned int> codes, unsigned int flags) {
  int count = static_cast<int>(codes.size());
  return answer.Done(virDomainSendKey(domain, codeset, holdtime, codes.data(), count, flags));
}

// (domain, flags, id) => Promise<string[]>
bool GetMessages(Answer& answer, virDomainPtr domain, unsigned int flags) {
  char** list = nullptr;
  int count = virDomainGetMessages(domain, &list, flags);
  if (!answer.Done(count)) return false;
  OwnedList<char, FreeMemory> owned(list, count);
  return answer.Give(Value::List(list, list + count));
}

}  // namespace

const Entries kDomainEntries = {
    {"connectionListAllDomains", "virConnectListAllDomains", ListObjects<virConnectListAllDomains>},
    {"connectionLookupDomainByName", "virDomainLookupByName", GetObject<virDomainLookupByName>},
    {"connectionLookupDomainByUuid", "virDomainLookupByUUIDString", GetObject<virDomainLookupByUUIDString>},
    {"connectionDefineDomain", "virDomainDefineXMLFlags", GetObject<virDomainDefineXMLFlags>},
    {"connectionCreateDomain", "virDomainCreateXML", GetObject<virDomainCreateXML>},
    {"domainClose", nullptr, Close<virDomainPtr>},

    {"domainGetState", "virDomainGetState", Run<GetState>},
    {"domainGetInfo", "virDomainGetInfo", Run<GetInfo>},
    {"domainIsActive", "virDomainIsActive", Ask<virDomainIsActive>},
    {"domainIsPersistent", "virDomainIsPersistent", Ask<virDomainIsPersistent>},
    {"domainGetXml", "virDomainGetXMLDesc", GetText<virDomainGetXMLDesc>},
    {"domainGetMetadata", "virDomainGetMetadata", Run<GetMetadata>},
    {"domainSetMetadata", "virDomainSetMetadata", Run<SetMetadata>},
    {"domainGetAutostart", "virDomainGetAutostart", GetFlag<virDomainGetAutostart>},
    {"domainSetAutostart", "virDomainSetAutostart", Act<virDomainSetAutostart>},
    {"domainGetMessages", "virDomainGetMessages", Run<GetMessages>},
    {"domainRename", "virDomainRename", Act<virDomainRename>},
    {"domainUndefine", "virDomainUndefineFlags", Act<virDomainUndefineFlags>},

    {"domainCreate", "virDomainCreateWithFlags", Act<virDomainCreateWithFlags>},
    {"domainShutdown", "virDomainShutdownFlags", Act<virDomainShutdownFlags>},
    {"domainDestroy", "virDomainDestroyFlags", Act<virDomainDestroyFlags>},
    {"domainReboot", "virDomainReboot", Act<virDomainReboot>},
    {"domainReset", "virDomainReset", Act<virDomainReset>},
    {"domainSuspend", "virDomainSuspend", Act<virDomainSuspend>},
    {"domainResume", "virDomainResume", Act<virDomainResume>},
    {"domainManagedSave", "virDomainManagedSave", Act<virDomainManagedSave>},
    {"domainHasManagedSave", "virDomainHasManagedSaveImage", Ask<virDomainHasManagedSaveImage>},
    {"domainRemoveManagedSave", "virDomainManagedSaveRemove", Act<virDomainManagedSaveRemove>},
    {"domainSendKey", "virDomainSendKey", Run<SendKey>},

    // The memory in KiB.
    {"domainSetMemory", "virDomainSetMemoryFlags", Act<virDomainSetMemoryFlags>},
    {"domainSetVcpus", "virDomainSetVcpusFlags", Act<virDomainSetVcpusFlags>},
    {"domainGetVcpus", "virDomainGetVcpusFlags", Count<virDomainGetVcpusFlags>},
    {"domainAttachDevice", "virDomainAttachDeviceFlags", Act<virDomainAttachDeviceFlags>},
    {"domainDetachDevice", "virDomainDetachDeviceFlags", Act<virDomainDetachDeviceFlags>},
    {"domainDetachDeviceAlias", "virDomainDetachDeviceAlias", Act<virDomainDetachDeviceAlias>},
    {"domainUpdateDevice", "virDomainUpdateDeviceFlags", Act<virDomainUpdateDeviceFlags>},
};

}  // namespace podman_bootc
