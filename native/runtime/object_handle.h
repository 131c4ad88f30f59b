#pragma once

#include <libvirt/libvirt.h>
#include <napi.h>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/connection_handle.h"
#include "runtime/handle.h"
#include "runtime/memory.h"

namespace podman_bootc {

using Names = std::vector<std::pair<const char*, std::string>>;

inline void AddName(Names& names, const char* key, const char* value) {
  names.emplace_back(key, value != nullptr ? value : "");
}

// A reference to a pool, a volume or a network. Like a DomainHandle it keeps its connection open. `Kind` says
// what is referred to:
//   Pointer, kTag, kExpected  libvirt's type, the tag of its handles, and what an argument should have been
//   Free(pointer)             frees the reference, without a call
//   Identify(pointer, names)  reads what the reference itself holds: what JavaScript gets beside the handle
template <typename Kind>
class ObjectHandle final : public Dependent {
 public:
  using Pointer = typename Kind::Pointer;
  using Owner = Owned<std::remove_pointer_t<Pointer>, Kind::Free>;
  using Owners = OwnedList<std::remove_pointer_t<Pointer>, Kind::Free>;
  static constexpr const napi_type_tag& kTag = Kind::kTag;
  static constexpr const char* kExpected = Kind::kExpected;

  ObjectHandle(std::shared_ptr<ConnectionHandle> connection, Owner owner)
      : connection_(std::move(connection)), owner_(std::move(owner)) {
    Kind::Identify(get(), names_);
    connection_->AddDependent(this);
  }
  ~ObjectHandle() { connection_->RemoveDependent(this); }
  ObjectHandle(const ObjectHandle&) = delete;
  ObjectHandle& operator=(const ObjectHandle&) = delete;

  // For calls that have entered the connection.
  Pointer get() const { return owner_.get(); }
  const std::shared_ptr<ConnectionHandle>& connection() const { return connection_; }

  // { handle, …names } for JavaScript.
  static Napi::Value ToObject(Napi::Env env, const std::shared_ptr<ObjectHandle>& object) {
    Napi::Object result = Napi::Object::New(env);
    result.Set("handle", WrapHandle(env, kTag, object));
    for (auto& entry : object->names_) result.Set(entry.first, entry.second);
    return result;
  }

 private:
  void Free() override { owner_.reset(); }

  const std::shared_ptr<ConnectionHandle> connection_;
  Owner owner_;
  Names names_;
};

struct StoragePoolKind {
  using Pointer = virStoragePoolPtr;
  static constexpr napi_type_tag kTag = {0x1b7e4d90c2f3485a, 0x8e2d6fa1530b97c4};
  static constexpr const char* kExpected = "a handle of a storage pool";
  static void Free(Pointer pool) { virStoragePoolFree(pool); }
  static void Identify(Pointer pool, Names& names) {
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    AddName(names, "name", virStoragePoolGetName(pool));
    virStoragePoolGetUUIDString(pool, uuid);
    AddName(names, "uuid", uuid);
  }
};
using StoragePoolHandle = ObjectHandle<StoragePoolKind>;

struct StorageVolumeKind {
  using Pointer = virStorageVolPtr;
  static constexpr napi_type_tag kTag = {0xd3508c6f1e924ba7, 0xa46b0fd27c815e39};
  static constexpr const char* kExpected = "a handle of a storage volume";
  static void Free(Pointer volume) { virStorageVolFree(volume); }
  static void Identify(Pointer volume, Names& names) {
    AddName(names, "name", virStorageVolGetName(volume));
    AddName(names, "key", virStorageVolGetKey(volume));
  }
};
using StorageVolumeHandle = ObjectHandle<StorageVolumeKind>;

struct NetworkKind {
  using Pointer = virNetworkPtr;
  static constexpr napi_type_tag kTag = {0x58f1a2c7e06d4391, 0x97c3e8b45d1f20a6};
  static constexpr const char* kExpected = "a handle of a network";
  static void Free(Pointer network) { virNetworkFree(network); }
  static void Identify(Pointer network, Names& names) {
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    AddName(names, "name", virNetworkGetName(network));
    virNetworkGetUUIDString(network, uuid);
    AddName(names, "uuid", uuid);
  }
};
using NetworkHandle = ObjectHandle<NetworkKind>;

}  // namespace podman_bootc
