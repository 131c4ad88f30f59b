// Written by scripts/generate-libvirt-enums.js from the API description of libvirt 9.0.0.

export const virConnectListAllNetworksFlags = {
  VIR_CONNECT_LIST_NETWORKS_INACTIVE: 1,
  VIR_CONNECT_LIST_NETWORKS_ACTIVE: 2,
  VIR_CONNECT_LIST_NETWORKS_PERSISTENT: 4,
  VIR_CONNECT_LIST_NETWORKS_TRANSIENT: 8,
  VIR_CONNECT_LIST_NETWORKS_AUTOSTART: 16,
  VIR_CONNECT_LIST_NETWORKS_NO_AUTOSTART: 32,
} as const;

export const virIPAddrType = {
  VIR_IP_ADDR_TYPE_IPV4: 0,
  VIR_IP_ADDR_TYPE_IPV6: 1,
} as const;

export const virNetworkCreateFlags = {
  VIR_NETWORK_CREATE_VALIDATE: 1,
} as const;

export const virNetworkDefineFlags = {
  VIR_NETWORK_DEFINE_VALIDATE: 1,
} as const;

export const virNetworkXMLFlags = {
  VIR_NETWORK_XML_INACTIVE: 1,
} as const;
