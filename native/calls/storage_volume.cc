#include <libvirt/libvirt.h>

#include "calls/object_calls.h"
#include "runtime/stream_handle.h"

namespace podman_bootc {
namespace {

using Pool = StoragePoolHandle;
using Volume = StorageVolumeHandle;

// (volume, flags, id) => Promise<{ type, capacity, allocation }>
Napi::Value GetInfo(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto volume = arguments.Object<Volume>();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<virStorageVolInfo>(
      info, id, flags == 0 ? "virStorageVolGetInfo" : "virStorageVolGetInfoFlags", volume->connection(),
      [volume, flags](virStorageVolInfo& result) {
        // Not all drivers have the newer of the two.
        int answer = flags == 0 ? virStorageVolGetInfo(volume->get(), &result)
                                : virStorageVolGetInfoFlags(volume->get(), &result, flags);
        return answer == 0;
      },
      [](Napi::Env env, virStorageVolInfo& result) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("type", result.type);
        object.Set("capacity", Napi::BigInt::New(env, static_cast<uint64_t>(result.capacity)));
        object.Set("allocation", Napi::BigInt::New(env, static_cast<uint64_t>(result.allocation)));
        return object;
      });
}

// (volume, id) => Promise<string>
Napi::Value GetPath(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto volume = arguments.Object<Volume>();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::string>(
      info, id, "virStorageVolGetPath", volume->connection(),
      [volume](std::string& path) { return TakeString(virStorageVolGetPath(volume->get()), path); },
      StringToValue);
}

// (volume, id) => Promise<pool>
Napi::Value GetPool(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto volume = arguments.Object<Volume>();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::shared_ptr<Pool>>(
      info, id, "virStoragePoolLookupByVolume", volume->connection(),
      [volume](std::shared_ptr<Pool>& pool) {
        return TakeObject(volume->connection(), virStoragePoolLookupByVolume(volume->get()), pool);
      },
      ObjectToValue<Pool>);
}

// (volume, capacity, flags, id) => Promise<undefined>
Napi::Value Resize(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto volume = arguments.Object<Volume>();
  uint64_t capacity = arguments.Size();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<Nothing>(
      info, id, "virStorageVolResize", volume->connection(),
      [volume, capacity, flags](Nothing&) {
        return virStorageVolResize(volume->get(), capacity, flags) == 0;
      },
      ToUndefined);
}

// (volume, algorithm, id) => Promise<undefined>
Napi::Value Wipe(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto volume = arguments.Object<Volume>();
  uint32_t algorithm = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<Nothing>(
      info, id, "virStorageVolWipePattern", volume->connection(),
      [volume, algorithm](Nothing&) { return virStorageVolWipePattern(volume->get(), algorithm, 0) == 0; },
      ToUndefined);
}

// (volume, offset, length, flags, id) => Promise<stream>; a length of 0 is all
template <int (*function)(virStorageVolPtr, virStreamPtr, unsigned long long, unsigned long long,
                          unsigned int)>
Napi::Value Transfer(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto volume = arguments.Object<Volume>();
  uint64_t offset = arguments.Size();
  uint64_t length = arguments.Size();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  auto task = std::make_shared<OpenStreamTask>(
      api, volume->connection(), [volume, offset, length, flags](virStreamPtr stream) {
        return function(volume->get(), stream, offset, length, flags) == 0;
      });
  return task->Start(Environment::Of(info.Env()), id);
}

}  // namespace

void ExportStorageVolume(Napi::Env env, Napi::Object exports) {
  Exporter add(env, exports);
  add("connectionLookupStorageVolumeByKey", [](const Napi::CallbackInfo& info) {
    return LookupObject<Volume, virStorageVolLookupByKey>(info, "virStorageVolLookupByKey");
  });
  add("connectionLookupStorageVolumeByPath", [](const Napi::CallbackInfo& info) {
    return LookupObject<Volume, virStorageVolLookupByPath>(info, "virStorageVolLookupByPath");
  });
  add("storageVolumeClose", CloseObject<Volume>);
  add("storageVolumeGetInfo", GetInfo);
  add("storageVolumeGetPath", GetPath);
  add("storageVolumeGetPool", GetPool);
  add("storageVolumeGetXml", [](const Napi::CallbackInfo& info) {
    return GetXmlOf<Volume, virStorageVolGetXMLDesc>(info, "virStorageVolGetXMLDesc");
  });
  add("storageVolumeResize", Resize);
  add("storageVolumeDelete", [](const Napi::CallbackInfo& info) {
    return ActOnObject<Volume, virStorageVolDelete>(info, "virStorageVolDelete");
  });
  add("storageVolumeWipe", Wipe);
  add("storageVolumeUpload", [](const Napi::CallbackInfo& info) {
    return Transfer<virStorageVolUpload>(info, "virStorageVolUpload");
  });
  add("storageVolumeDownload", [](const Napi::CallbackInfo& info) {
    return Transfer<virStorageVolDownload>(info, "virStorageVolDownload");
  });
}

}  // namespace podman_bootc
