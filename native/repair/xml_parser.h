#pragma once

namespace podman_bootc {

// Keeps libxml2 from printing on the standard error output what it finds wrong on the calling thread. libvirt
// takes most of that for its own errors, but not that a file cannot be read.
void SilenceXmlParser();

}  // namespace podman_bootc
