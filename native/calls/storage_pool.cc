#include <libvirt/libvirt.h>

#include "calls/call.h"

namespace podman_bootc {
namespace {

// (pool, id) => Promise<{ state, capacity, allocation, available }>
bool GetInfo(Answer& answer, virStoragePoolPtr pool) {
  virStoragePoolInfo info;
  return answer.Done(virStoragePoolGetInfo(pool, &info)) &&
         answer.Give(Value::Fields{{"state", info.state},
                                   {"capacity", info.capacity},
                                   {"allocation", info.allocation},
                                   {"available", info.available}});
}

// (pool, xml, source, flags, id) => Promise<volume>
Napi::Value CreateVolumeFrom(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto pool = arguments.Object<ObjectHandle<virStoragePoolPtr>>();
  arguments.String();
  auto source = arguments.Object<ObjectHandle<virStorageVolPtr>>();
  if (!arguments.ok()) return Napi::Value();
  // libvirt would name a pointer of another connection's "invalid"; a closed connection has none at all.
  if (source->connection() != pool->connection()) {
    Napi::TypeError::New(info.Env(), "Expected `source` to be a volume of the same connection")
        .ThrowAsJavaScriptException();
    return Napi::Value();
  }
  return GetObject<virStorageVolCreateXMLFrom>(info, api);
}

}  // namespace

const Entries kStoragePoolEntries = {
    {"connectionListAllStoragePools", "virConnectListAllStoragePools",
     ListObjects<virConnectListAllStoragePools>},
    {"connectionLookupStoragePoolByName", "virStoragePoolLookupByName",
     GetObject<virStoragePoolLookupByName>},
    {"connectionLookupStoragePoolByUuid", "virStoragePoolLookupByUUIDString",
     GetObject<virStoragePoolLookupByUUIDString>},
    {"connectionLookupStoragePoolByTargetPath", "virStoragePoolLookupByTargetPath",
     GetObject<virStoragePoolLookupByTargetPath>},
    {"connectionDefineStoragePool", "virStoragePoolDefineXML", GetObject<virStoragePoolDefineXML>},
    {"connectionCreateStoragePool", "virStoragePoolCreateXML", GetObject<virStoragePoolCreateXML>},
    {"storagePoolClose", nullptr, Close<virStoragePoolPtr>},
    {"storagePoolBuild", "virStoragePoolBuild", Act<virStoragePoolBuild>},
    {"storagePoolCreate", "virStoragePoolCreate", Act<virStoragePoolCreate>},
    {"storagePoolDestroy", "virStoragePoolDestroy", Act<virStoragePoolDestroy>},
    {"storagePoolDelete", "virStoragePoolDelete", Act<virStoragePoolDelete>},
    {"storagePoolUndefine", "virStoragePoolUndefine", Act<virStoragePoolUndefine>},
    {"storagePoolRefresh", "virStoragePoolRefresh", Act<virStoragePoolRefresh>},
    {"storagePoolGetInfo", "virStoragePoolGetInfo", Run<GetInfo>},
    {"storagePoolGetXml", "virStoragePoolGetXMLDesc", GetText<virStoragePoolGetXMLDesc>},
    {"storagePoolIsActive", "virStoragePoolIsActive", Ask<virStoragePoolIsActive>},
    {"storagePoolIsPersistent", "virStoragePoolIsPersistent", Ask<virStoragePoolIsPersistent>},
    {"storagePoolGetAutostart", "virStoragePoolGetAutostart", GetFlag<virStoragePoolGetAutostart>},
    {"storagePoolSetAutostart", "virStoragePoolSetAutostart", Act<virStoragePoolSetAutostart>},
    {"storagePoolListAllVolumes", "virStoragePoolListAllVolumes", ListObjects<virStoragePoolListAllVolumes>},
    {"storagePoolLookupVolumeByName", "virStorageVolLookupByName", GetObject<virStorageVolLookupByName>},
    {"storagePoolCreateVolume", "virStorageVolCreateXML", GetObject<virStorageVolCreateXML>},
    {"storagePoolCreateVolumeFrom", "virStorageVolCreateXMLFrom", CreateVolumeFrom},
};

}  // namespace podman_bootc
