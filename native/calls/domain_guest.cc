#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>

#include "calls/call.h"

namespace podman_bootc {
namespace {

// (domain, source, flags, id) => Promise<{ name, mac, addresses: { type, address, prefix }[] }[]>
bool GetInterfaceAddresses(Answer& answer, virDomainPtr domain, unsigned int source, unsigned int flags) {
  virDomainInterfacePtr* list = nullptr;
  int count = virDomainInterfaceAddresses(domain, &list, source, flags);
  if (!answer.Done(count)) return false;
  OwnedList<virDomainInterface, virDomainInterfaceFree> owned(list, count);
  Value::List interfaces;
  for (int i = 0; i < count; i++) {
    Value::List addresses;
    for (unsigned int j = 0; j < owned[i]->naddrs; j++) {
      const virDomainIPAddress& each = owned[i]->addrs[j];
      addresses.push_back(
          Value::Fields{{"type", each.type}, {"address", TextOf(each.addr)}, {"prefix", each.prefix}});
    }
    // The guest's loopback device has no MAC address.
    interfaces.push_back(Value::Fields{
        {"name", TextOf(owned[i]->name)}, {"mac", owned[i]->hwaddr}, {"addresses", std::move(addresses)}});
  }
  return answer.Give(std::move(interfaces));
}

// (domain, types, flags, id) => Promise<{ field: value }>
bool GetGuestInfo(Answer& answer, virDomainPtr domain, unsigned int types, unsigned int flags) {
  virTypedParameterPtr parameters = nullptr;
  int count = 0;
  if (!answer.Done(virDomainGetGuestInfo(domain, types, &parameters, &count, flags))) return false;
  OwnedParameters owned(parameters, count);
  return answer.Give(FieldsOf(parameters, count));
}

// More than any screen: whoever sends more is not trusted with the rest of our memory.
constexpr size_t kMaximum = size_t{256} << 20;
constexpr size_t kChunk = 256 << 10;

bool Receive(virStreamPtr stream, Value::Bytes& data) {
  for (;;) {
    size_t size = data.size();
    if (size > kMaximum) return false;
    data.resize(size + kChunk);
    int received = virStreamRecv(stream, data.data() + size, kChunk);
    data.resize(size + (received > 0 ? received : 0));
    if (received <= 0) return received == 0;
  }
}

// (domain, screen, id) => Promise<{ mimeType, data }>. A picture is small and wanted as a whole, so its
// stream blocks the thread of the call instead of being handed to JavaScript.
bool Screenshot(Answer& answer, virDomainPtr domain, unsigned int screen) {
  Owned<virStream, virStreamFree> stream(virStreamNew(virDomainGetConnect(domain), 0));
  if (!answer.Check(stream != nullptr)) return false;
  OwnedText type(virDomainScreenshot(domain, stream.get(), screen, 0));
  if (!answer.Check(type != nullptr)) return false;
  Value::Bytes data;
  if (!answer.Check(Receive(stream.get(), data) && virStreamFinish(stream.get()) == 0)) {
    virStreamAbort(stream.get());
    return false;
  }
  return answer.Give(Value::Fields{{"mimeType", type.get()}, {"data", std::move(data)}});
}

}  // namespace

const Entries kDomainGuestEntries = {
    {"domainAgentCommand", "virDomainQemuAgentCommand", GetText<virDomainQemuAgentCommand>},
    {"domainInterfaceAddresses", "virDomainInterfaceAddresses", Run<GetInterfaceAddresses>},
    {"domainGetGuestInfo", "virDomainGetGuestInfo", Run<GetGuestInfo>},
    {"domainGetHostname", "virDomainGetHostname", GetText<virDomainGetHostname>},
    {"domainScreenshot", "virDomainScreenshot", Run<Screenshot>},
};

}  // namespace podman_bootc
