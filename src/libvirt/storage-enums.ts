// The numbers of libvirt's API that pools, volumes and networks need; a test compares them with the
// description that libvirt's development files bring along.

export const virStoragePoolState = {
  VIR_STORAGE_POOL_INACTIVE: 0,
  VIR_STORAGE_POOL_BUILDING: 1,
  VIR_STORAGE_POOL_RUNNING: 2,
  VIR_STORAGE_POOL_DEGRADED: 3,
  VIR_STORAGE_POOL_INACCESSIBLE: 4,
} as const;

export const virConnectListAllStoragePoolsFlags = {
  VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE: 1,
  VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE: 2,
} as const;

export const virStoragePoolDefineFlags = {
  VIR_STORAGE_POOL_DEFINE_VALIDATE: 1,
} as const;

export const virStoragePoolBuildFlags = {
  VIR_STORAGE_POOL_BUILD_NO_OVERWRITE: 4,
  VIR_STORAGE_POOL_BUILD_OVERWRITE: 8,
} as const;

export const virStoragePoolCreateFlags = {
  VIR_STORAGE_POOL_CREATE_WITH_BUILD: 1,
} as const;

export const virStoragePoolDeleteFlags = {
  VIR_STORAGE_POOL_DELETE_ZEROED: 1,
} as const;

export const virStorageXMLFlags = {
  VIR_STORAGE_XML_INACTIVE: 1,
} as const;

export const virStorageVolType = {
  VIR_STORAGE_VOL_FILE: 0,
  VIR_STORAGE_VOL_BLOCK: 1,
  VIR_STORAGE_VOL_DIR: 2,
  VIR_STORAGE_VOL_NETWORK: 3,
  VIR_STORAGE_VOL_NETDIR: 4,
  VIR_STORAGE_VOL_PLOOP: 5,
} as const;

export const virStorageVolCreateFlags = {
  VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA: 1,
  VIR_STORAGE_VOL_CREATE_REFLINK: 2,
} as const;

export const virStorageVolInfoFlags = {
  VIR_STORAGE_VOL_GET_PHYSICAL: 1,
} as const;

export const virStorageVolResizeFlags = {
  VIR_STORAGE_VOL_RESIZE_ALLOCATE: 1,
  VIR_STORAGE_VOL_RESIZE_DELTA: 2,
  VIR_STORAGE_VOL_RESIZE_SHRINK: 4,
} as const;

export const virStorageVolDeleteFlags = {
  VIR_STORAGE_VOL_DELETE_ZEROED: 1,
  VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS: 2,
} as const;

export const virStorageVolWipeAlgorithm = {
  VIR_STORAGE_VOL_WIPE_ALG_ZERO: 0,
  VIR_STORAGE_VOL_WIPE_ALG_NNSA: 1,
  VIR_STORAGE_VOL_WIPE_ALG_DOD: 2,
  VIR_STORAGE_VOL_WIPE_ALG_BSI: 3,
  VIR_STORAGE_VOL_WIPE_ALG_GUTMANN: 4,
  VIR_STORAGE_VOL_WIPE_ALG_SCHNEIER: 5,
  VIR_STORAGE_VOL_WIPE_ALG_PFITZNER7: 6,
  VIR_STORAGE_VOL_WIPE_ALG_PFITZNER33: 7,
  VIR_STORAGE_VOL_WIPE_ALG_RANDOM: 8,
  VIR_STORAGE_VOL_WIPE_ALG_TRIM: 9,
} as const;

export const virStorageVolUploadFlags = {
  VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM: 1,
} as const;

export const virStorageVolDownloadFlags = {
  VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM: 1,
} as const;

export const virConnectListAllNetworksFlags = {
  VIR_CONNECT_LIST_NETWORKS_INACTIVE: 1,
  VIR_CONNECT_LIST_NETWORKS_ACTIVE: 2,
} as const;

export const virNetworkDefineFlags = {
  VIR_NETWORK_DEFINE_VALIDATE: 1,
} as const;

export const virNetworkCreateFlags = {
  VIR_NETWORK_CREATE_VALIDATE: 1,
} as const;

export const virNetworkXMLFlags = {
  VIR_NETWORK_XML_INACTIVE: 1,
} as const;

export const virIPAddrType = {
  VIR_IP_ADDR_TYPE_IPV4: 0,
  VIR_IP_ADDR_TYPE_IPV6: 1,
} as const;

export const virDomainConsoleFlags = {
  VIR_DOMAIN_CONSOLE_FORCE: 1,
  VIR_DOMAIN_CONSOLE_SAFE: 2,
} as const;

export const virDomainChannelFlags = {
  VIR_DOMAIN_CHANNEL_FORCE: 1,
} as const;
