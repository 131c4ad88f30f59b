#include "repair/xml_parser.h"

#include <dlfcn.h>

namespace podman_bootc {
namespace {

void Ignore(void*, const char*, ...) {}

}  // namespace

void SilenceXmlParser() {
  // libvirt brings libxml2 along; to link with it, its headers would be needed for this alone. The function
  // is set for the calling thread.
  using SetFunction = void (*)(void*, void (*)(void*, const char*, ...));
  static const auto set = reinterpret_cast<SetFunction>(dlsym(RTLD_DEFAULT, "xmlSetGenericErrorFunc"));
  if (set != nullptr) set(nullptr, Ignore);
}

}  // namespace podman_bootc
