#include <libvirt/libvirt.h>

#include "calls/object_calls.h"

namespace podman_bootc {
namespace {

using Network = NetworkHandle;

// (network, id) => Promise<string>
Napi::Value GetBridgeName(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto network = arguments.Object<Network>();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::string>(
      info, id, "virNetworkGetBridgeName", network->connection(),
      [network](std::string& name) { return TakeString(virNetworkGetBridgeName(network->get()), name); },
      StringToValue);
}

// libvirt's structure with strings of our own.
struct Lease {
  struct Text {
    explicit Text(const char* text) : present(text != nullptr), value(present ? text : "") {}
    Napi::Value ToValue(Napi::Env env) const {
      return present ? Napi::Value(Napi::String::New(env, value)) : env.Null();
    }
    bool present;
    std::string value;
  };

  explicit Lease(const virNetworkDHCPLease& lease)
      : interface(lease.iface),
        expiry(lease.expirytime),
        type(lease.type),
        mac(lease.mac),
        iaid(lease.iaid),
        address(lease.ipaddr),
        prefix(lease.prefix),
        hostname(lease.hostname),
        client_id(lease.clientid) {}

  Text interface;
  int64_t expiry;
  int type;
  Text mac;
  Text iaid;
  Text address;
  unsigned int prefix;
  Text hostname;
  Text client_id;
};

// (network, mac | undefined, id) => Promise<lease[]>
Napi::Value GetDhcpLeases(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto network = arguments.Object<Network>();
  auto mac = arguments.StringOrUndefined();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::vector<Lease>>(
      info, id, "virNetworkGetDHCPLeases", network->connection(),
      [network, mac](std::vector<Lease>& leases) {
        virNetworkDHCPLeasePtr* list = nullptr;
        int count = virNetworkGetDHCPLeases(network->get(), mac.get(), &list, 0);
        if (count < 0) return false;
        OwnedList<virNetworkDHCPLease, virNetworkDHCPLeaseFree> owned(list, count);
        for (int i = 0; i < count; i++) leases.emplace_back(*owned[i]);
        return true;
      },
      [](Napi::Env env, std::vector<Lease>& leases) -> Napi::Value {
        Napi::Array array = Napi::Array::New(env, leases.size());
        for (uint32_t i = 0; i < leases.size(); i++) {
          const Lease& lease = leases[i];
          Napi::Object object = Napi::Object::New(env);
          object.Set("interface", lease.interface.ToValue(env));
          object.Set("expiry", static_cast<double>(lease.expiry));
          object.Set("type", lease.type);
          object.Set("mac", lease.mac.ToValue(env));
          object.Set("iaid", lease.iaid.ToValue(env));
          object.Set("address", lease.address.ToValue(env));
          object.Set("prefix", lease.prefix);
          object.Set("hostname", lease.hostname.ToValue(env));
          object.Set("clientId", lease.client_id.ToValue(env));
          array.Set(i, object);
        }
        return array;
      });
}

}  // namespace

void ExportNetwork(Napi::Env env, Napi::Object exports) {
  Exporter add(env, exports);
  add("connectionListAllNetworks", [](const Napi::CallbackInfo& info) {
    return ListObjects<Network, virConnectListAllNetworks>(info, "virConnectListAllNetworks");
  });
  add("connectionLookupNetworkByName", [](const Napi::CallbackInfo& info) {
    return LookupObject<Network, virNetworkLookupByName>(info, "virNetworkLookupByName");
  });
  add("connectionLookupNetworkByUuid", [](const Napi::CallbackInfo& info) {
    return LookupObject<Network, virNetworkLookupByUUIDString>(info, "virNetworkLookupByUUIDString");
  });
  add("connectionDefineNetwork", [](const Napi::CallbackInfo& info) {
    return MakeObject<Network, virNetworkDefineXMLFlags>(info, "virNetworkDefineXMLFlags");
  });
  add("connectionCreateNetwork", [](const Napi::CallbackInfo& info) {
    return MakeObject<Network, virNetworkCreateXMLFlags>(info, "virNetworkCreateXMLFlags");
  });
  add("networkClose", CloseObject<Network>);
  add("networkCreate", [](const Napi::CallbackInfo& info) {
    return ActOnObject<Network, virNetworkCreate>(info, "virNetworkCreate");
  });
  add("networkDestroy", [](const Napi::CallbackInfo& info) {
    return ActOnObject<Network, virNetworkDestroy>(info, "virNetworkDestroy");
  });
  add("networkUndefine", [](const Napi::CallbackInfo& info) {
    return ActOnObject<Network, virNetworkUndefine>(info, "virNetworkUndefine");
  });
  add("networkGetXml", [](const Napi::CallbackInfo& info) {
    return GetXmlOf<Network, virNetworkGetXMLDesc>(info, "virNetworkGetXMLDesc");
  });
  add("networkIsActive", [](const Napi::CallbackInfo& info) {
    return AskObject<Network, virNetworkIsActive>(info, "virNetworkIsActive");
  });
  add("networkIsPersistent", [](const Napi::CallbackInfo& info) {
    return AskObject<Network, virNetworkIsPersistent>(info, "virNetworkIsPersistent");
  });
  add("networkGetAutostart", [](const Napi::CallbackInfo& info) {
    return GetAutostartOf<Network, virNetworkGetAutostart>(info, "virNetworkGetAutostart");
  });
  add("networkSetAutostart", [](const Napi::CallbackInfo& info) {
    return SetAutostartOf<Network, virNetworkSetAutostart>(info, "virNetworkSetAutostart");
  });
  add("networkGetBridgeName", GetBridgeName);
  add("networkGetDhcpLeases", GetDhcpLeases);
}

}  // namespace podman_bootc
