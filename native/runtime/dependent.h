#pragma once

namespace podman_bootc {

// Something of a connection that holds a reference in libvirt, which a close has to free first.
class Dependent {
 public:
  // Quick: without a call to the daemon. Under the lock of the connection; may come twice.
  virtual void Free() = 0;

 protected:
  ~Dependent() = default;
};

}  // namespace podman_bootc
