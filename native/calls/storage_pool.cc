#include <libvirt/libvirt.h>

#include "calls/object_calls.h"

namespace podman_bootc {
namespace {

using Pool = StoragePoolHandle;
using Volume = StorageVolumeHandle;

// (pool, id) => Promise<{ state, capacity, allocation, available }>
Napi::Value GetInfo(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto pool = arguments.Object<Pool>();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<virStoragePoolInfo>(
      info, id, "virStoragePoolGetInfo", pool->connection(),
      [pool](virStoragePoolInfo& result) { return virStoragePoolGetInfo(pool->get(), &result) == 0; },
      [](Napi::Env env, virStoragePoolInfo& result) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("state", result.state);
        object.Set("capacity", Napi::BigInt::New(env, static_cast<uint64_t>(result.capacity)));
        object.Set("allocation", Napi::BigInt::New(env, static_cast<uint64_t>(result.allocation)));
        object.Set("available", Napi::BigInt::New(env, static_cast<uint64_t>(result.available)));
        return object;
      });
}

// (pool, flags, id) => Promise<volume[]>
Napi::Value ListAllVolumes(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto pool = arguments.Object<Pool>();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::vector<std::shared_ptr<Volume>>>(
      info, id, "virStoragePoolListAllVolumes", pool->connection(),
      [pool, flags](std::vector<std::shared_ptr<Volume>>& volumes) {
        virStorageVolPtr* list = nullptr;
        int count = virStoragePoolListAllVolumes(pool->get(), &list, flags);
        if (count >= 0) TakeObjects(pool->connection(), list, count, volumes);
        return count >= 0;
      },
      ObjectsToValue<Volume>);
}

// (pool, name, id) => Promise<volume>
Napi::Value LookupVolumeByName(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto pool = arguments.Object<Pool>();
  std::string name = arguments.String();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::shared_ptr<Volume>>(
      info, id, "virStorageVolLookupByName", pool->connection(),
      [pool, name](std::shared_ptr<Volume>& volume) {
        return TakeObject(pool->connection(), virStorageVolLookupByName(pool->get(), name.c_str()), volume);
      },
      ObjectToValue<Volume>);
}

// (pool, xml, flags, id) => Promise<volume>
Napi::Value CreateVolume(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto pool = arguments.Object<Pool>();
  std::string xml = arguments.String();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::shared_ptr<Volume>>(
      info, id, "virStorageVolCreateXML", pool->connection(),
      [pool, xml, flags](std::shared_ptr<Volume>& volume) {
        return TakeObject(pool->connection(), virStorageVolCreateXML(pool->get(), xml.c_str(), flags),
                          volume);
      },
      ObjectToValue<Volume>);
}

// (pool, xml, source, flags, id) => Promise<volume>
Napi::Value CreateVolumeFrom(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto pool = arguments.Object<Pool>();
  std::string xml = arguments.String();
  auto source = arguments.Object<Volume>();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  // libvirt would name a pointer of another connection's "invalid"; a closed connection has none at all.
  if (source->connection() != pool->connection()) {
    Napi::TypeError::New(info.Env(), "Expected `source` to be a volume of the same connection")
        .ThrowAsJavaScriptException();
    return Napi::Value();
  }
  return StartCall<std::shared_ptr<Volume>>(
      info, id, "virStorageVolCreateXMLFrom", pool->connection(),
      [pool, xml, source, flags](std::shared_ptr<Volume>& volume) {
        return TakeObject(pool->connection(),
                          virStorageVolCreateXMLFrom(pool->get(), xml.c_str(), source->get(), flags), volume);
      },
      ObjectToValue<Volume>);
}

}  // namespace

void ExportStoragePool(Napi::Env env, Napi::Object exports) {
  Exporter add(env, exports);
  add("connectionListAllStoragePools", [](const Napi::CallbackInfo& info) {
    return ListObjects<Pool, virConnectListAllStoragePools>(info, "virConnectListAllStoragePools");
  });
  add("connectionLookupStoragePoolByName", [](const Napi::CallbackInfo& info) {
    return LookupObject<Pool, virStoragePoolLookupByName>(info, "virStoragePoolLookupByName");
  });
  add("connectionLookupStoragePoolByUuid", [](const Napi::CallbackInfo& info) {
    return LookupObject<Pool, virStoragePoolLookupByUUIDString>(info, "virStoragePoolLookupByUUIDString");
  });
  add("connectionLookupStoragePoolByTargetPath", [](const Napi::CallbackInfo& info) {
    return LookupObject<Pool, virStoragePoolLookupByTargetPath>(info, "virStoragePoolLookupByTargetPath");
  });
  add("connectionDefineStoragePool", [](const Napi::CallbackInfo& info) {
    return MakeObject<Pool, virStoragePoolDefineXML>(info, "virStoragePoolDefineXML");
  });
  add("connectionCreateStoragePool", [](const Napi::CallbackInfo& info) {
    return MakeObject<Pool, virStoragePoolCreateXML>(info, "virStoragePoolCreateXML");
  });
  add("storagePoolClose", CloseObject<Pool>);
  add("storagePoolBuild", [](const Napi::CallbackInfo& info) {
    return ActOnObject<Pool, virStoragePoolBuild>(info, "virStoragePoolBuild");
  });
  add("storagePoolCreate", [](const Napi::CallbackInfo& info) {
    return ActOnObject<Pool, virStoragePoolCreate>(info, "virStoragePoolCreate");
  });
  add("storagePoolDestroy", [](const Napi::CallbackInfo& info) {
    return ActOnObject<Pool, virStoragePoolDestroy>(info, "virStoragePoolDestroy");
  });
  add("storagePoolDelete", [](const Napi::CallbackInfo& info) {
    return ActOnObject<Pool, virStoragePoolDelete>(info, "virStoragePoolDelete");
  });
  add("storagePoolUndefine", [](const Napi::CallbackInfo& info) {
    return ActOnObject<Pool, virStoragePoolUndefine>(info, "virStoragePoolUndefine");
  });
  add("storagePoolRefresh", [](const Napi::CallbackInfo& info) {
    return ActOnObject<Pool, virStoragePoolRefresh>(info, "virStoragePoolRefresh");
  });
  add("storagePoolGetInfo", GetInfo);
  add("storagePoolGetXml", [](const Napi::CallbackInfo& info) {
    return GetXmlOf<Pool, virStoragePoolGetXMLDesc>(info, "virStoragePoolGetXMLDesc");
  });
  add("storagePoolIsActive", [](const Napi::CallbackInfo& info) {
    return AskObject<Pool, virStoragePoolIsActive>(info, "virStoragePoolIsActive");
  });
  add("storagePoolIsPersistent", [](const Napi::CallbackInfo& info) {
    return AskObject<Pool, virStoragePoolIsPersistent>(info, "virStoragePoolIsPersistent");
  });
  add("storagePoolGetAutostart", [](const Napi::CallbackInfo& info) {
    return GetAutostartOf<Pool, virStoragePoolGetAutostart>(info, "virStoragePoolGetAutostart");
  });
  add("storagePoolSetAutostart", [](const Napi::CallbackInfo& info) {
    return SetAutostartOf<Pool, virStoragePoolSetAutostart>(info, "virStoragePoolSetAutostart");
  });
  add("storagePoolListAllVolumes", ListAllVolumes);
  add("storagePoolLookupVolumeByName", LookupVolumeByName);
  add("storagePoolCreateVolume", CreateVolume);
  add("storagePoolCreateVolumeFrom", CreateVolumeFrom);
}

}  // namespace podman_bootc
