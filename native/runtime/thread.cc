#include "runtime/thread.h"

#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <new>

namespace podman_bootc {
namespace {

struct Start {
  const char* name;
  void (*body)();
};

void* Run(void* opaque) {
  Start* start = static_cast<Start*>(opaque);
  // The name is what `top -H`, gdb and crash reports show. Linux allows 15 characters.
#ifdef __APPLE__
  pthread_setname_np(start->name);
#else
  pthread_setname_np(pthread_self(), start->name);
#endif
  void (*body)() = start->body;
  delete start;
  body();
  return nullptr;
}

}  // namespace

int StartThread(const char* name, void (*body)()) {
  // Signals are Node's affair: a new thread inherits the mask, and so do the threads libvirt starts from it.
  sigset_t all, previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);

  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  Start* start = new (std::nothrow) Start{name, body};
  pthread_t thread;
  int error = start == nullptr ? ENOMEM : pthread_create(&thread, &attributes, Run, start);
  if (error != 0) delete start;
  pthread_attr_destroy(&attributes);

  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  return error;
}

}  // namespace podman_bootc
