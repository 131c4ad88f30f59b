#include "repair/client_loop.h"

#include <dlfcn.h>

#include <atomic>
#include <utility>

// libvirt's client lets one thread at a time wait for a connection's answers, in a GLib loop; other threads
// queue their calls and wake it. Two of its faults there are mended from outside, as Debian 12 has them:
//
// A thread that is woken just before it runs the loop sleeps on. The call that was queued is then not sent
// until the daemon says something: a job could not be aborted while it is waited for. ("rpc: fix race in
// waking up client event loop")
//
// The source that the waiting thread attaches to the loop, which points to its stack, stays attached when it
// is woken. When the connection breaks just then, the source fires in a thread that took over: that crashes,
// or hangs for ever. (CVE-2024-4418, "rpc: ensure temporary GSource is removed from client event loop")
//
// So libvirt gets three functions of GLib from here, which do what those commits do; where libvirt does so
// itself, they only pass on. The dynamic linker looks for libvirt's symbols in the library that brought it
// in, the addon, before it looks in GLib. But it looks among those of the whole process first (a preloaded
// GLib, an Electron that is linked with it), or has bound them already (another addon that brought libvirt
// in). Then libvirt never comes here, which shows when a connection is opened; on macOS it never does.

namespace podman_bootc {
namespace {

// The loop came with 6.1.0, and both are mended in 10.4.0.
constexpr unsigned long kFirstVersion = 6001000;
constexpr unsigned long kMendedVersion = 10004000;

std::atomic<bool> needed{false};
thread_local uint64_t runs = 0;

}  // namespace

void StartClientLoop(unsigned long version) { needed = version >= kFirstVersion && version < kMendedVersion; }

bool ClientLoopNeeded() { return needed; }

uint64_t ClientLoopRuns() { return runs; }

}  // namespace podman_bootc

#ifdef __linux__

using podman_bootc::ClientLoopNeeded;

namespace {

using Source = void;
using Context = void;
using Loop = void;
using Callback = int (*)(void*);

struct GLib {
  unsigned (*attach)(Source*, Context*);
  void (*run)(Loop*);
  void (*quit)(Loop*);
  Context* (*context_of)(Loop*);
  int (*is_owner)(Context*);
  Source* (*new_idle)();
  void (*set_callback)(Source*, Callback, void*, void (*)(void*));
  Source* (*ref)(Source*);
  void (*unref)(Source*);
  void (*destroy)(Source*);
};

template <typename Function>
void Find(Function*& function, const char* name) {
  function = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

const GLib& Real() {
  static const GLib glib = [] {
    GLib found;
    Find(found.attach, "g_source_attach");
    Find(found.run, "g_main_loop_run");
    Find(found.quit, "g_main_loop_quit");
    Find(found.context_of, "g_main_loop_get_context");
    Find(found.is_owner, "g_main_context_is_owner");
    Find(found.new_idle, "g_idle_source_new");
    Find(found.set_callback, "g_source_set_callback");
    Find(found.ref, "g_source_ref");
    Find(found.unref, "g_source_unref");
    Find(found.destroy, "g_source_destroy");
    return found;
  }();
  return glib;
}

// What a thread attached last, and where, with a reference: others may have let go of it since.
struct Attached {
  Source* source = nullptr;
  Context* context = nullptr;

  Attached() = default;
  ~Attached() { Set(nullptr, nullptr); }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

  void Set(Source* new_source, Context* new_context) {
    if (new_source != nullptr) Real().ref(new_source);
    if (source != nullptr) Real().unref(source);
    source = new_source;
    context = new_context;
  }
};

thread_local Attached attached;

int Quit(void* loop) {
  Real().quit(loop);
  return 0;  // once
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) unsigned g_source_attach(Source* source, Context* context) {
  unsigned id = Real().attach(source, context);
  // The default context has other loops.
  if (ClientLoopNeeded() && context != nullptr) attached.Set(source, context);
  return id;
}

__attribute__((visibility("default"))) void g_main_loop_run(Loop* loop) {
  // The loop's sources attach others.
  Source* source = std::exchange(attached.source, nullptr);
  Context* context = std::exchange(attached.context, nullptr);
  Real().run(loop);
  if (source == nullptr) return;
  if (context == Real().context_of(loop)) {
    Real().destroy(source);
    podman_bootc::runs++;
  }
  Real().unref(source);
}

__attribute__((visibility("default"))) void g_main_loop_quit(Loop* loop) {
  Context* context = Real().context_of(loop);
  if (!ClientLoopNeeded() || Real().is_owner(context)) {
    Real().quit(loop);
    return;
  }
  // A source stays until the loop runs. It needs no reference to the loop, which has one to the context: a
  // source that is never served goes with them.
  Source* wake = Real().new_idle();
  Real().set_callback(wake, Quit, loop, nullptr);
  Real().attach(wake, context);
  Real().unref(wake);
}

}  // extern "C"

#endif
