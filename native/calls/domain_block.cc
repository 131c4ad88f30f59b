#include <libvirt/libvirt.h>

#include <cstdlib>
#include <new>

#include "calls/call.h"

namespace podman_bootc {
namespace {

// (domain, disk, flags, id) => Promise<{ capacity, allocation, physical }>
bool GetInfo(Answer& answer, virDomainPtr domain, const char* disk, unsigned int flags) {
  virDomainBlockInfo info;
  return answer.Done(virDomainGetBlockInfo(domain, disk, &info, flags)) &&
         answer.Give(Value::Fields{
             {"capacity", info.capacity}, {"allocation", info.allocation}, {"physical", info.physical}});
}

// (domain, disk, flags, id) => Promise<{ field: value }>
bool GetStats(Answer& answer, virDomainPtr domain, const char* disk, unsigned int flags) {
  int count = 0;
  if (!answer.Done(virDomainBlockStatsFlags(domain, disk, nullptr, &count, flags))) return false;
  // As libvirt's own, to be freed like these.
  auto* parameters = static_cast<virTypedParameterPtr>(std::calloc(count, sizeof(virTypedParameter)));
  if (parameters == nullptr && count > 0) throw std::bad_alloc();
  bool done = answer.Done(virDomainBlockStatsFlags(domain, disk, parameters, &count, flags));
  OwnedParameters owned(parameters, done ? count : 0);
  return done && answer.Give(FieldsOf(parameters, count));
}

// (domain, disk, base | undefined, top | undefined, bandwidth, flags, id) => Promise<undefined>
bool Commit(Answer& answer, virDomainPtr domain, const char* disk, OptionalText base, OptionalText top,
            unsigned long long bandwidth, unsigned int flags) {
  return answer.Done(virDomainBlockCommit(domain, disk, base.text, top.text, bandwidth, flags));
}

// (domain, disk, flags, id) => Promise<{ type, bandwidth, current, end } | null>
bool GetJobInfo(Answer& answer, virDomainPtr domain, const char* disk, unsigned int flags) {
  virDomainBlockJobInfo job;
  int found = virDomainGetBlockJobInfo(domain, disk, &job, flags);
  if (!answer.Done(found)) return false;
  if (found == 0) return answer.Give(nullptr);
  return answer.Give(Value::Fields{{"type", job.type},
                                   {"bandwidth", static_cast<unsigned long long>(job.bandwidth)},
                                   {"current", job.cur},
                                   {"end", job.end}});
}

}  // namespace

const Entries kDomainBlockEntries = {
    {"domainGetBlockInfo", "virDomainGetBlockInfo", Run<GetInfo>},
    {"domainBlockResize", "virDomainBlockResize", Act<virDomainBlockResize>},
    {"domainGetBlockStats", "virDomainBlockStatsFlags", Run<GetStats>},
    {"domainBlockCommit", "virDomainBlockCommit", Run<Commit>},
    {"domainGetBlockJobInfo", "virDomainGetBlockJobInfo", Run<GetJobInfo>},
    {"domainBlockJobAbort", "virDomainBlockJobAbort", Act<virDomainBlockJobAbort>},
};

}  // namespace podman_bootc
