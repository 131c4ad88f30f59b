#include <libvirt/libvirt.h>

#include "calls/call.h"

namespace podman_bootc {
namespace {

// A snapshot is known to JavaScript by its name, and to libvirt for the length of one call. Its structure
// holds a domain and a name, and every call sends both to the daemon: a handle of its own would save a
// lookup, and be one more thing to be closed.
using Snapshot = Owned<virDomainSnapshot, virDomainSnapshotFree>;

bool GiveName(Answer& answer, const Snapshot& snapshot) {
  const char* name = snapshot == nullptr ? nullptr : virDomainSnapshotGetName(snapshot.get());
  return answer.Check(name != nullptr) && answer.Give(name);
}

// (domain, xml, flags, id) => Promise<name>
bool Create(Answer& answer, virDomainPtr domain, const char* xml, unsigned int flags) {
  return GiveName(answer, Snapshot(virDomainSnapshotCreateXML(domain, xml, flags)));
}

// (domain, flags, id) => Promise<name[]>
bool List(Answer& answer, virDomainPtr domain, unsigned int flags) {
  virDomainSnapshotPtr* list = nullptr;
  int count = virDomainListAllSnapshots(domain, &list, flags);
  if (!answer.Done(count)) return false;
  OwnedList<virDomainSnapshot, virDomainSnapshotFree> owned(list, count);
  Value::List names;
  for (int i = 0; i < count; i++) names.push_back(TextOf(virDomainSnapshotGetName(owned[i])));
  return answer.Give(std::move(names));
}

// (domain, id) => Promise<name | null>
bool GetCurrent(Answer& answer, virDomainPtr domain) {
  int has = virDomainHasCurrentSnapshot(domain, 0);
  if (!answer.Done(has)) return false;
  if (has == 0) return answer.Give(nullptr);
  return GiveName(answer, Snapshot(virDomainSnapshotCurrent(domain, 0)));
}

// (domain, name, flags, id) => Promise<undefined>
bool Lookup(Answer& answer, virDomainPtr domain, const char* name, unsigned int flags) {
  return answer.Check(Snapshot(virDomainSnapshotLookupByName(domain, name, flags)) != nullptr);
}

// (domain, name, flags, id) => Promise<T>: finds a snapshot by its name and does something with it.
template <auto take, auto function>
bool With(Answer& answer, virDomainPtr domain, const char* name, unsigned int flags) {
  Snapshot snapshot(virDomainSnapshotLookupByName(domain, name, 0));
  return answer.Check(snapshot != nullptr) && (answer.*take)(function(snapshot.get(), flags));
}

}  // namespace

const Entries kDomainSnapshotEntries = {
    {"domainSnapshotCreate", "virDomainSnapshotCreateXML", Run<Create>},
    {"domainSnapshotList", "virDomainListAllSnapshots", Run<List>},
    {"domainSnapshotCurrent", "virDomainSnapshotCurrent", Run<GetCurrent>},
    {"domainSnapshotLookup", "virDomainSnapshotLookupByName", Run<Lookup>},
    {"domainSnapshotGetXml", "virDomainSnapshotGetXMLDesc",
     Run<With<&Answer::Text, virDomainSnapshotGetXMLDesc>>},
    {"domainSnapshotRevert", "virDomainRevertToSnapshot",
     Run<With<&Answer::Done, virDomainRevertToSnapshot>>},
    {"domainSnapshotDelete", "virDomainSnapshotDelete", Run<With<&Answer::Done, virDomainSnapshotDelete>>},
};

}  // namespace podman_bootc
