#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>

#include <vector>

#include "calls/domain_calls.h"
#include "runtime/typed_parameters.h"

namespace podman_bootc {
namespace {

// (domain, command, timeout, flags, id) => Promise<string>
Napi::Value AgentCommand(const Napi::CallbackInfo& info) {
  return GetText(info, "virDomainQemuAgentCommand", virDomainQemuAgentCommand);
}

struct Address {
  int type;
  std::string address;
  unsigned int prefix;
};

struct Interface {
  std::string name;
  OptionalString mac;
  std::vector<Address> addresses;
};

Napi::Value InterfacesToValue(Napi::Env env, std::vector<Interface>& interfaces) {
  Napi::Array result = Napi::Array::New(env, interfaces.size());
  for (uint32_t i = 0; i < interfaces.size(); i++) {
    const Interface& each = interfaces[i];
    Napi::Array addresses = Napi::Array::New(env, each.addresses.size());
    for (uint32_t j = 0; j < each.addresses.size(); j++) {
      Napi::Object address = Napi::Object::New(env);
      address.Set("type", each.addresses[j].type);
      address.Set("address", each.addresses[j].address);
      address.Set("prefix", each.addresses[j].prefix);
      addresses.Set(j, address);
    }
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", each.name);
    if (each.mac.get() == nullptr)
      object.Set("mac", env.Null());
    else
      object.Set("mac", each.mac.get());
    object.Set("addresses", addresses);
    result.Set(i, object);
  }
  return result;
}

// (domain, source, flags, id) => Promise<{ name, mac, addresses: { type, address, prefix }[] }[]>
Napi::Value InterfaceAddresses(const Napi::CallbackInfo& info) {
  return OnDomain(
      info, "virDomainInterfaceAddresses",
      +[](std::vector<Interface>& result, virDomainPtr domain, unsigned int source, unsigned int flags) {
        virDomainInterfacePtr* interfaces = nullptr;
        int count = virDomainInterfaceAddresses(domain, &interfaces, source, flags);
        if (count < 0) return false;
        OwnedList<virDomainInterface, virDomainInterfaceFree> owned(interfaces, count);
        for (int i = 0; i < count; i++) {
          virDomainInterfacePtr from = owned[i];
          Interface to;
          if (from->name != nullptr) to.name = from->name;
          // The guest's loopback device has none.
          if (from->hwaddr != nullptr) to.mac = OptionalString(from->hwaddr);
          for (unsigned int j = 0; j < from->naddrs; j++)
            to.addresses.push_back({from->addrs[j].type, from->addrs[j].addr, from->addrs[j].prefix});
          result.push_back(std::move(to));
        }
        return true;
      },
      InterfacesToValue);
}

// (domain, types, flags, id) => Promise<{ field: value }>
Napi::Value GetGuestInfo(const Napi::CallbackInfo& info) {
  return OnDomain(
      info, "virDomainGetGuestInfo",
      +[](TypedParameters& result, virDomainPtr domain, unsigned int types, unsigned int flags) {
        virTypedParameterPtr parameters = nullptr;
        int count = 0;
        if (virDomainGetGuestInfo(domain, types, &parameters, &count, flags) < 0) return false;
        result = TypedParameters(OwnedParameters(parameters, count));
        return true;
      },
      TypedParametersToObject);
}

// (domain, flags, id) => Promise<string>
Napi::Value GetHostname(const Napi::CallbackInfo& info) {
  return GetText(info, "virDomainGetHostname", virDomainGetHostname);
}

}  // namespace

void ExportDomainGuest(Napi::Env env, Napi::Object exports) {
  Exporter add(env, exports);
  add("domainAgentCommand", AgentCommand);
  add("domainInterfaceAddresses", InterfaceAddresses);
  add("domainGetGuestInfo", GetGuestInfo);
  add("domainGetHostname", GetHostname);
}

}  // namespace podman_bootc
