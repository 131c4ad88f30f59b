#pragma once

namespace podman_bootc {

// Starts a detached thread that no signal reaches, and returns 0 or an errno. std::thread is not used
// because it ends the process when the system has no thread to give.
int StartThread(const char* name, void (*body)());

}  // namespace podman_bootc
