#pragma once

#include <libvirt/libvirt.h>
#include <napi.h>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "runtime/connection_handle.h"
#include "runtime/memory.h"
#include "runtime/value.h"

namespace podman_bootc {

// What there is to be said of a noun of libvirt's:
//   kTag, kExpected  the tag of its handles, and what an argument should have been
//   Free             frees a reference, without a call
//   Identify         what the reference itself holds, read without a call: what JavaScript gets beside the
//   handle
template <typename Pointer>
struct Kind;

// A reference to a domain, a pool and so on. It keeps its connection open, so that freeing a reference never
// closes a connection, which would talk to the daemon: freeing is quick and allowed on every thread.
template <typename Pointer>
class ObjectHandle final : public Dependent {
 public:
  using Element = std::remove_pointer_t<Pointer>;
  using Owner = Owned<Element, Kind<Pointer>::Free>;
  using Owners = OwnedList<Element, Kind<Pointer>::Free>;
  static constexpr const napi_type_tag& kTag = Kind<Pointer>::kTag;
  static constexpr const char* kExpected = Kind<Pointer>::kExpected;

  ObjectHandle(std::shared_ptr<ConnectionHandle> connection, Owner owner)
      : connection_(std::move(connection)), owner_(std::move(owner)) {
    connection_->AddDependent(this);
  }
  ~ObjectHandle() { connection_->RemoveDependent(this); }
  ObjectHandle(const ObjectHandle&) = delete;
  ObjectHandle& operator=(const ObjectHandle&) = delete;

  // { handle, … } for JavaScript.
  static Value Refer(const std::shared_ptr<ConnectionHandle>& connection, Owner owner) {
    Value::Fields fields = Kind<Pointer>::Identify(owner.get());
    fields.emplace_back("handle", std::make_shared<ObjectHandle>(connection, std::move(owner)));
    return Value(std::move(fields));
  }

  // For calls that have entered the connection.
  Pointer get() const { return owner_.get(); }
  const std::shared_ptr<ConnectionHandle>& connection() const { return connection_; }

 private:
  void Free() override { owner_.reset(); }

  const std::shared_ptr<ConnectionHandle> connection_;
  Owner owner_;
};

// In canonical form; empty where libvirt refuses.
template <auto get, typename Pointer>
std::string UuidOf(Pointer pointer) {
  char uuid[VIR_UUID_STRING_BUFLEN] = "";
  get(pointer, uuid);
  return uuid;
}

template <>
struct Kind<virDomainPtr> {
  static constexpr napi_type_tag kTag = {0x2c94e7d01a6b43f8, 0xb35f8e6a7d904c12};
  static constexpr const char* kExpected = "a handle of a domain";
  static void Free(virDomainPtr domain) { virDomainFree(domain); }
  static Value::Fields Identify(virDomainPtr domain) {
    unsigned int id = virDomainGetID(domain);
    return {{"name", TextOf(virDomainGetName(domain))},
            {"uuid", UuidOf<virDomainGetUUIDString>(domain)},
            {"id", id == static_cast<unsigned int>(-1) ? Value(nullptr) : Value(id)}};
  }
};

template <>
struct Kind<virStoragePoolPtr> {
  static constexpr napi_type_tag kTag = {0x1b7e4d90c2f3485a, 0x8e2d6fa1530b97c4};
  static constexpr const char* kExpected = "a handle of a storage pool";
  static void Free(virStoragePoolPtr pool) { virStoragePoolFree(pool); }
  static Value::Fields Identify(virStoragePoolPtr pool) {
    return {{"name", TextOf(virStoragePoolGetName(pool))},
            {"uuid", UuidOf<virStoragePoolGetUUIDString>(pool)}};
  }
};

template <>
struct Kind<virStorageVolPtr> {
  static constexpr napi_type_tag kTag = {0xd3508c6f1e924ba7, 0xa46b0fd27c815e39};
  static constexpr const char* kExpected = "a handle of a storage volume";
  static void Free(virStorageVolPtr volume) { virStorageVolFree(volume); }
  static Value::Fields Identify(virStorageVolPtr volume) {
    return {{"name", TextOf(virStorageVolGetName(volume))}, {"key", TextOf(virStorageVolGetKey(volume))}};
  }
};

template <>
struct Kind<virNetworkPtr> {
  static constexpr napi_type_tag kTag = {0x58f1a2c7e06d4391, 0x97c3e8b45d1f20a6};
  static constexpr const char* kExpected = "a handle of a network";
  static void Free(virNetworkPtr network) { virNetworkFree(network); }
  static Value::Fields Identify(virNetworkPtr network) {
    return {{"name", TextOf(virNetworkGetName(network))}, {"uuid", UuidOf<virNetworkGetUUIDString>(network)}};
  }
};

}  // namespace podman_bootc
