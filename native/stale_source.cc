#include <dlfcn.h>

#include <utility>

// A fault of libvirt before 10.4 (CVE-2024-4418; libvirt's commit 8074d64dc2ec "rpc: ensure temporary GSource
// is removed from client event loop"), which Debian 12 has: the thread that waits for a connection's answers
// attaches a source to the connection's GLib context that points to its stack. When another thread's call
// wakes it, the source stays attached, and when the connection breaks just then, it fires in a thread that
// took over: that crashes, or hangs for ever. Calls that are in flight together when a daemon dies are
// enough.
//
// So libvirt gets two functions of GLib from here, with what its commit does in between: a source that a
// thread attaches just before it runs the loop is destroyed when the loop returns. Where libvirt does so
// itself, that is nothing. The dynamic linker looks for libvirt's symbols in the library that brought it in,
// the addon, before it looks in GLib; on macOS it does not, and there libvirt is new.
#ifdef __linux__

namespace {

using Source = void;
using Context = void;
using Loop = void;

struct GLib {
  unsigned (*attach)(Source*, Context*);
  void (*run)(Loop*);
  Context* (*context_of)(Loop*);
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
    Find(found.context_of, "g_main_loop_get_context");
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

}  // namespace

extern "C" __attribute__((visibility("default"))) unsigned g_source_attach(Source* source, Context* context) {
  unsigned id = Real().attach(source, context);
  // The default context has other loops.
  if (context != nullptr) attached.Set(source, context);
  return id;
}

extern "C" __attribute__((visibility("default"))) void g_main_loop_run(Loop* loop) {
  // The loop's sources attach others.
  Source* source = std::exchange(attached.source, nullptr);
  Context* context = std::exchange(attached.context, nullptr);
  Real().run(loop);
  if (source == nullptr) return;
  if (context == Real().context_of(loop)) Real().destroy(source);
  Real().unref(source);
}

#endif
