#pragma once

#include <cstdint>

namespace podman_bootc {

// Turns on what client_loop.cc mends where this version of libvirt (as virGetVersion counts) needs it. Before
// the first connection; without it nothing is changed.
void StartClientLoop(unsigned long version);
bool ClientLoopNeeded();

// How often libvirt ran its client's loop through ours on this thread. A connection whose opening did not add
// to it calls GLib directly: something brought GLib, or libvirt, into the process before the addon.
uint64_t ClientLoopRuns();

}  // namespace podman_bootc
