#pragma once

#include "runtime/error.h"

namespace podman_bootc {

// Prepares libvirt for this process, once: its event loop with a thread of its own, and silence on stderr.
// Must come before any connection is opened. Returns false with the reason when libvirt can't be used.
bool StartLibvirt(Failure* failure);

// Waits until the event loop has freed the callbacks that were removed before. libvirt's remote driver keeps
// a stream, and with it the connection, until then.
void AwaitEventLoop();

}  // namespace podman_bootc
