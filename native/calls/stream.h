#pragma once

#include <functional>

#include "calls/call.h"

namespace podman_bootc {

// Answers with a handle of a stream, which `open` connects with something. An abandoned call aborts the
// stream that comes late.
bool OpenStream(Answer& answer, const std::function<int(virStreamPtr)>& open);

}  // namespace podman_bootc
