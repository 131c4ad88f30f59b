#include <libvirt/libvirt.h>

#include "calls/call.h"

namespace podman_bootc {
namespace {

// (network, mac | undefined, id) => Promise<lease[]>
bool GetDhcpLeases(Answer& answer, virNetworkPtr network, OptionalText mac) {
  virNetworkDHCPLeasePtr* list = nullptr;
  int count = virNetworkGetDHCPLeases(network, mac.text, &list, 0);
  if (!answer.Done(count)) return false;
  OwnedList<virNetworkDHCPLease, virNetworkDHCPLeaseFree> owned(list, count);
  Value::List leases;
  for (int i = 0; i < count; i++) {
    const virNetworkDHCPLease& lease = *owned[i];
    leases.push_back(Value::Fields{{"interface", lease.iface},
                                   {"expiry", static_cast<double>(lease.expirytime)},
                                   {"type", lease.type},
                                   {"mac", lease.mac},
                                   {"iaid", lease.iaid},
                                   {"address", lease.ipaddr},
                                   {"prefix", lease.prefix},
                                   {"hostname", lease.hostname},
                                   {"clientId", lease.clientid}});
  }
  return answer.Give(std::move(leases));
}

}  // namespace

const Entries kNetworkEntries = {
    {"connectionListAllNetworks", "virConnectListAllNetworks", ListObjects<virConnectListAllNetworks>},
    {"connectionLookupNetworkByName", "virNetworkLookupByName", GetObject<virNetworkLookupByName>},
    {"connectionLookupNetworkByUuid", "virNetworkLookupByUUIDString",
     GetObject<virNetworkLookupByUUIDString>},
    {"connectionDefineNetwork", "virNetworkDefineXMLFlags", GetObject<virNetworkDefineXMLFlags>},
    {"connectionCreateNetwork", "virNetworkCreateXMLFlags", GetObject<virNetworkCreateXMLFlags>},
    {"networkClose", nullptr, Close<virNetworkPtr>},
    {"networkCreate", "virNetworkCreate", Act<virNetworkCreate>},
    {"networkDestroy", "virNetworkDestroy", Act<virNetworkDestroy>},
    {"networkUndefine", "virNetworkUndefine", Act<virNetworkUndefine>},
    {"networkGetXml", "virNetworkGetXMLDesc", GetText<virNetworkGetXMLDesc>},
    {"networkIsActive", "virNetworkIsActive", Ask<virNetworkIsActive>},
    {"networkIsPersistent", "virNetworkIsPersistent", Ask<virNetworkIsPersistent>},
    {"networkGetAutostart", "virNetworkGetAutostart", GetFlag<virNetworkGetAutostart>},
    {"networkSetAutostart", "virNetworkSetAutostart", Act<virNetworkSetAutostart>},
    {"networkGetBridgeName", "virNetworkGetBridgeName", GetText<virNetworkGetBridgeName>},
    {"networkGetDhcpLeases", "virNetworkGetDHCPLeases", Run<GetDhcpLeases>},
};

}  // namespace podman_bootc
