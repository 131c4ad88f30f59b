#pragma once

#include <libvirt/libvirt.h>
#include <napi.h>

#include <memory>
#include <string>

#include "runtime/connection_handle.h"
#include "runtime/memory.h"

namespace podman_bootc {

using OwnedDomain = Owned<virDomain, virDomainFree>;

// A reference to a domain. It keeps its connection open, so that freeing a domain never closes a connection,
// which would talk to the daemon: freeing is quick and allowed on every thread.
class DomainHandle final : public Dependent {
 public:
  DomainHandle(std::shared_ptr<ConnectionHandle> connection, OwnedDomain domain);
  ~DomainHandle();
  DomainHandle(const DomainHandle&) = delete;
  DomainHandle& operator=(const DomainHandle&) = delete;

  // For calls that have entered the connection.
  virDomainPtr get() const { return domain_.get(); }
  const std::shared_ptr<ConnectionHandle>& connection() const { return connection_; }

  // { handle, name, uuid, id } for JavaScript.
  static Napi::Value ToObject(Napi::Env env, const std::shared_ptr<DomainHandle>& domain);

 private:
  void Free() override;

  const std::shared_ptr<ConnectionHandle> connection_;
  OwnedDomain domain_;
  std::string name_;
  std::string uuid_;
  unsigned int id_;
};

}  // namespace podman_bootc
