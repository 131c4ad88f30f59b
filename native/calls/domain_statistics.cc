#include <libvirt/libvirt.h>

#include "calls/call.h"

namespace podman_bootc {
namespace {

// (domain, flags, id) => Promise<[tag, value][]>
bool GetMemoryStats(Answer& answer, virDomainPtr domain, unsigned int flags) {
  virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
  int count = virDomainMemoryStats(domain, stats, VIR_DOMAIN_MEMORY_STAT_NR, flags);
  if (!answer.Done(count)) return false;
  Value::List pairs;
  for (int i = 0; i < count; i++) pairs.push_back(Value::List{stats[i].tag, stats[i].val});
  return answer.Give(std::move(pairs));
}

// (domain, flags, id) => Promise<[type, { field: value }]>
bool GetJobStats(Answer& answer, virDomainPtr domain, unsigned int flags) {
  int type = 0;
  virTypedParameterPtr parameters = nullptr;
  int count = 0;
  if (!answer.Done(virDomainGetJobStats(domain, &type, &parameters, &count, flags))) return false;
  OwnedParameters owned(parameters, count);
  return answer.Give(Value::List{type, FieldsOf(parameters, count)});
}

// (connection, stats, flags, id) => Promise<[domain, { field: value }][]>
bool GetAllDomainStats(Answer& answer, virConnectPtr connection, unsigned int stats, unsigned int flags) {
  virDomainStatsRecordPtr* list = nullptr;
  int count = virConnectGetAllDomainStats(connection, stats, &list, flags);
  if (!answer.Done(count)) return false;
  Owned<virDomainStatsRecordPtr, virDomainStatsRecordListFree> owned(list);
  Value::List records;
  for (int i = 0; i < count; i++) {
    // The list's own references go with it.
    virDomainRef(list[i]->dom);
    ObjectHandle<virDomainPtr>::Owner domain(list[i]->dom);
    records.push_back(Value::List{ObjectHandle<virDomainPtr>::Refer(answer.connection, std::move(domain)),
                                  FieldsOf(list[i]->params, list[i]->nparams)});
  }
  return answer.Give(std::move(records));
}

}  // namespace

const Entries kDomainStatisticsEntries = {
    {"domainGetMemoryStats", "virDomainMemoryStats", Run<GetMemoryStats>},
    {"domainGetJobStats", "virDomainGetJobStats", Run<GetJobStats>},
    {"domainAbortJob", "virDomainAbortJob", Act<virDomainAbortJob>},
    {"connectionGetAllDomainStats", "virConnectGetAllDomainStats", Run<GetAllDomainStats>},
};

}  // namespace podman_bootc
