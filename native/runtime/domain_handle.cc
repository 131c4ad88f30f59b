#include "runtime/domain_handle.h"

#include <utility>

#include "runtime/handle.h"

namespace podman_bootc {

DomainHandle::DomainHandle(std::shared_ptr<ConnectionHandle> connection, OwnedDomain domain)
    : connection_(std::move(connection)), domain_(std::move(domain)) {
  // All three are in the structure; none asks the daemon.
  char uuid[VIR_UUID_STRING_BUFLEN] = "";
  const char* name = virDomainGetName(get());
  if (name != nullptr) name_ = name;
  if (virDomainGetUUIDString(get(), uuid) == 0) uuid_ = uuid;
  id_ = virDomainGetID(get());
  connection_->AddDependent(this);
}

DomainHandle::~DomainHandle() { connection_->RemoveDependent(this); }

void DomainHandle::Free() { domain_.reset(); }

Napi::Value DomainHandle::ToObject(Napi::Env env, const std::shared_ptr<DomainHandle>& domain) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("handle", WrapHandle(env, kDomainTag, domain));
  object.Set("name", domain->name_);
  object.Set("uuid", domain->uuid_);
  if (domain->id_ == static_cast<unsigned int>(-1))
    object.Set("id", env.Null());
  else
    object.Set("id", domain->id_);
  return object;
}

}  // namespace podman_bootc
