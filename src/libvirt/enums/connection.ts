// Written by scripts/generate-libvirt-enums.js from the API description of libvirt 9.0.0.

export const virConnectCloseReason = {
  VIR_CONNECT_CLOSE_REASON_ERROR: 0,
  VIR_CONNECT_CLOSE_REASON_EOF: 1,
  VIR_CONNECT_CLOSE_REASON_KEEPALIVE: 2,
  VIR_CONNECT_CLOSE_REASON_CLIENT: 3,
} as const;

export const virConnectCredentialType = {
  VIR_CRED_USERNAME: 1,
  VIR_CRED_AUTHNAME: 2,
  VIR_CRED_LANGUAGE: 3,
  VIR_CRED_CNONCE: 4,
  VIR_CRED_PASSPHRASE: 5,
  VIR_CRED_ECHOPROMPT: 6,
  VIR_CRED_NOECHOPROMPT: 7,
  VIR_CRED_REALM: 8,
  VIR_CRED_EXTERNAL: 9,
} as const;
