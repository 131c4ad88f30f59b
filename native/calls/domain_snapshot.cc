#include <libvirt/libvirt.h>

#include <vector>

#include "calls/domain_calls.h"

namespace podman_bootc {
namespace {

// A snapshot is known to JavaScript by its name, and to libvirt for the length of one call. Its structure
// holds a domain and a name, and every call sends both to the daemon: a handle of its own would save a
// lookup, and be one more thing to be closed.
class Snapshot {
 public:
  explicit Snapshot(virDomainSnapshotPtr snapshot) : snapshot_(snapshot) {}
  Snapshot(virDomainPtr domain, const std::string& name)
      : Snapshot(virDomainSnapshotLookupByName(domain, name.c_str(), 0)) {}
  ~Snapshot() {
    if (snapshot_ != nullptr) virDomainSnapshotFree(snapshot_);
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  virDomainSnapshotPtr get() const { return snapshot_; }
  bool ReadName(std::string& name) const {
    const char* text = snapshot_ == nullptr ? nullptr : virDomainSnapshotGetName(snapshot_);
    if (text == nullptr) return false;
    name = text;
    return true;
  }

 private:
  virDomainSnapshotPtr snapshot_;
};

// (domain, xml, flags, id) => Promise<name>
Napi::Value Create(const Napi::CallbackInfo& info) {
  return OnDomain(
      info, "virDomainSnapshotCreateXML",
      +[](std::string& name, virDomainPtr domain, const char* xml, unsigned int flags) {
        return Snapshot(virDomainSnapshotCreateXML(domain, xml, flags)).ReadName(name);
      },
      StringToValue);
}

// (domain, flags, id) => Promise<name[]>
Napi::Value List(const Napi::CallbackInfo& info) {
  using Names = std::vector<std::string>;
  return OnDomain(
      info, "virDomainListAllSnapshots",
      +[](Names& names, virDomainPtr domain, unsigned int flags) {
        virDomainSnapshotPtr* list = nullptr;
        int count = virDomainListAllSnapshots(domain, &list, flags);
        if (count < 0) return false;
        OwnedList<virDomainSnapshot, virDomainSnapshotFree> owned(list, count);
        for (int i = 0; i < count; i++) {
          const char* name = virDomainSnapshotGetName(owned[i]);
          if (name != nullptr) names.emplace_back(name);
        }
        return true;
      },
      StringsToValue);
}

// (domain, id) => Promise<name | null>
Napi::Value Current(const Napi::CallbackInfo& info) {
  return OnDomain(
      info, "virDomainSnapshotCurrent",
      +[](OptionalString& result, virDomainPtr domain) {
        int has = virDomainHasCurrentSnapshot(domain, 0);
        if (has <= 0) return has == 0;
        std::string name;
        if (!Snapshot(virDomainSnapshotCurrent(domain, 0)).ReadName(name)) return false;
        result = OptionalString(std::move(name));
        return true;
      },
      [](Napi::Env env, OptionalString& name) -> Napi::Value {
        if (name.get() == nullptr) return env.Null();
        return Napi::String::New(env, name.get());
      });
}

// Finds a snapshot by its name and does something with it.
template <typename T>
class SnapshotTask final : public Task {
 public:
  using Use = bool (*)(virDomainSnapshotPtr, unsigned int, T&);
  using Convert = Napi::Value (*)(Napi::Env, T&);

  SnapshotTask(const char* api, std::shared_ptr<DomainHandle> domain, std::string name, unsigned int flags,
               Use use, Convert convert)
      : Task(api, domain->connection()),
        domain_(std::move(domain)),
        name_(std::move(name)),
        flags_(flags),
        use_(use),
        convert_(convert) {}

 protected:
  bool Run(Failure* failure) override {
    Snapshot snapshot(domain_->get(), name_);
    if (snapshot.get() != nullptr && use_(snapshot.get(), flags_, result_)) return true;
    // Now, because freeing the snapshot clears the last error.
    *failure = LastFailure(api_);
    return false;
  }

  Napi::Value Result(Napi::Env env) override { return convert_(env, result_); }

 private:
  const std::shared_ptr<DomainHandle> domain_;
  const std::string name_;
  const unsigned int flags_;
  const Use use_;
  const Convert convert_;
  T result_{};
};

// (domain, name, flags, id) => Promise<T>
template <typename T>
Napi::Value WithSnapshot(const Napi::CallbackInfo& info, const char* api, typename SnapshotTask<T>::Use use,
                         typename SnapshotTask<T>::Convert convert) {
  Arguments arguments(info);
  auto domain = arguments.Domain();
  std::string name = arguments.String();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  auto task = std::make_shared<SnapshotTask<T>>(api, domain, name, flags, use, convert);
  return task->Start(Environment::Of(info.Env()), id);
}

Napi::Value Lookup(const Napi::CallbackInfo& info) {
  return WithSnapshot<Nothing>(
      info, "virDomainSnapshotLookupByName",
      [](virDomainSnapshotPtr, unsigned int, Nothing&) { return true; }, ToUndefined);
}

Napi::Value GetXml(const Napi::CallbackInfo& info) {
  return WithSnapshot<std::string>(
      info, "virDomainSnapshotGetXMLDesc",
      [](virDomainSnapshotPtr snapshot, unsigned int flags, std::string& xml) {
        return TakeString(virDomainSnapshotGetXMLDesc(snapshot, flags), xml);
      },
      StringToValue);
}

Napi::Value Revert(const Napi::CallbackInfo& info) {
  return WithSnapshot<Nothing>(
      info, "virDomainRevertToSnapshot",
      [](virDomainSnapshotPtr snapshot, unsigned int flags, Nothing&) {
        return virDomainRevertToSnapshot(snapshot, flags) == 0;
      },
      ToUndefined);
}

Napi::Value Delete(const Napi::CallbackInfo& info) {
  return WithSnapshot<Nothing>(
      info, "virDomainSnapshotDelete",
      [](virDomainSnapshotPtr snapshot, unsigned int flags, Nothing&) {
        return virDomainSnapshotDelete(snapshot, flags) == 0;
      },
      ToUndefined);
}

}  // namespace

void ExportDomainSnapshot(Napi::Env env, Napi::Object exports) {
  Exporter add(env, exports);
  add("domainSnapshotCreate", Create);
  add("domainSnapshotList", List);
  add("domainSnapshotCurrent", Current);
  add("domainSnapshotLookup", Lookup);
  add("domainSnapshotGetXml", GetXml);
  add("domainSnapshotRevert", Revert);
  add("domainSnapshotDelete", Delete);
}

}  // namespace podman_bootc
