#include <libvirt/libvirt.h>

#include "calls/stream.h"

namespace podman_bootc {
namespace {

// (volume, flags, id) => Promise<{ type, capacity, allocation }>
bool GetInfo(Answer& answer, virStorageVolPtr volume, unsigned int flags) {
  virStorageVolInfo info;
  // Not all drivers have the newer of the two.
  if (flags != 0) answer.api = "virStorageVolGetInfoFlags";
  int result =
      flags == 0 ? virStorageVolGetInfo(volume, &info) : virStorageVolGetInfoFlags(volume, &info, flags);
  return answer.Done(result) &&
         answer.Give(Value::Fields{
             {"type", info.type}, {"capacity", info.capacity}, {"allocation", info.allocation}});
}

// (volume, offset, length, flags, id) => Promise<stream>; a length of 0 is all
template <int (*function)(virStorageVolPtr, virStreamPtr, unsigned long long, unsigned long long,
                          unsigned int)>
bool Transfer(Answer& answer, virStorageVolPtr volume, unsigned long long offset, unsigned long long length,
              unsigned int flags) {
  return OpenStream(answer,
                    [&](virStreamPtr stream) { return function(volume, stream, offset, length, flags); });
}

}  // namespace

const Entries kStorageVolumeEntries = {
    {"connectionLookupStorageVolumeByKey", "virStorageVolLookupByKey", GetObject<virStorageVolLookupByKey>},
    {"connectionLookupStorageVolumeByPath", "virStorageVolLookupByPath",
     GetObject<virStorageVolLookupByPath>},
    {"storageVolumeClose", nullptr, Close<virStorageVolPtr>},
    {"storageVolumeGetInfo", "virStorageVolGetInfo", Run<GetInfo>},
    {"storageVolumeGetPath", "virStorageVolGetPath", GetText<virStorageVolGetPath>},
    {"storageVolumeGetPool", "virStoragePoolLookupByVolume", GetObject<virStoragePoolLookupByVolume>},
    {"storageVolumeGetXml", "virStorageVolGetXMLDesc", GetText<virStorageVolGetXMLDesc>},
    {"storageVolumeResize", "virStorageVolResize", Act<virStorageVolResize>},
    {"storageVolumeDelete", "virStorageVolDelete", Act<virStorageVolDelete>},
    {"storageVolumeWipe", "virStorageVolWipePattern", Act<virStorageVolWipePattern>},
    {"storageVolumeUpload", "virStorageVolUpload", Run<Transfer<virStorageVolUpload>>},
    {"storageVolumeDownload", "virStorageVolDownload", Run<Transfer<virStorageVolDownload>>},
};

}  // namespace podman_bootc
