#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <vector>

#include "calls/calls.h"
#include "repair/client_loop.h"
#include "runtime/credentials.h"
#include "runtime/event_loop.h"

namespace podman_bootc {
namespace {

// virsh's values: a daemon that hangs is given up after half a minute.
constexpr int kKeepAliveInterval = 5;
constexpr unsigned int kKeepAliveCount = 5;

class OpenTask final : public Task {
 public:
  // `asker` is null when there are no credentials to be given; `asking` is then 0.
  OpenTask(OptionalString uri, bool read_only, uint64_t listener, std::shared_ptr<CredentialsAsker> asker,
           uint64_t asking, std::shared_ptr<Mailbox> mailbox)
      : Task("virConnectOpenAuth", nullptr, Executor::Get().LaneForOpening(ServerOf(uri))),
        uri_(std::move(uri)),
        flags_(read_only ? VIR_CONNECT_RO : 0),
        listener_(listener),
        asker_(std::move(asker)),
        asking_(asking),
        listener_mailbox_(std::move(mailbox)) {}

 protected:
  bool Run(Failure* failure) override {
    if (!StartLibvirt(failure)) return false;
    // Without credentials to ask for, libvirt fails instead of prompting on our terminal.
    virConnectAuthPtr auth = asker_ == nullptr ? nullptr : asker_->auth();
    uint64_t runs = ClientLoopRuns();
    Owned<virConnect, virConnectClose> owned(virConnectOpenAuth(uri_.get(), auth, flags_));
    if (owned == nullptr) return false;
    virConnectPtr connection = owned.get();
    // Drivers without a daemon refuse both of these, and have nothing to lose either.
    bool has_daemon = virConnectSetKeepAlive(connection, kKeepAliveInterval, kKeepAliveCount) >= 0;
    auto subscription = Subscription::Create(listener_mailbox_, listener_);
    if (virConnectRegisterCloseCallback(connection, OnConnectionClosed, subscription->opaque(),
                                        Subscription::Release) < 0)
      Subscription::Release(subscription->opaque());
    virResetLastError();
    std::shared_ptr<Lane> lane = Executor::Get().LaneForCalls(ServerOf(uri_));
    // Calls of several threads on this connection could wait for one another without an end, or crash.
    if (has_daemon && ClientLoopNeeded() && ClientLoopRuns() == runs) lane = std::make_shared<Lane>(lane);
    connection_ = std::make_shared<ConnectionHandle>(connection, std::move(subscription), std::move(lane));
    owned.release();
    return true;
  }

  Napi::Value Result(Napi::Env env) override {
    StopAsking(Environment::Of(env));
    return WrapHandle(env, kConnectionTag, std::move(connection_), listener_);
  }

  void Withdraw(Environment& environment) override {
    StopAsking(environment);
    environment.RemoveListener(listener_);
  }

 private:
  static std::string ServerOf(const OptionalString& uri) {
    return uri.get() == nullptr ? std::string() : std::string(uri.get());
  }

  void StopAsking(Environment& environment) {
    if (asker_ == nullptr) return;
    asker_->End();
    environment.RemoveAsker(asking_);
    environment.RemoveListener(asking_);
  }

  const OptionalString uri_;
  const unsigned int flags_;
  const uint64_t listener_;
  const std::shared_ptr<CredentialsAsker> asker_;
  const uint64_t asking_;
  const std::shared_ptr<Mailbox> listener_mailbox_;
  std::shared_ptr<ConnectionHandle> connection_;
};

Napi::Value StartOpen(const Napi::CallbackInfo& info, bool asks) {
  Arguments arguments(info);
  OptionalString uri = arguments.StringOrUndefined();
  bool read_only = arguments.Boolean();
  Napi::Function listener = arguments.Function();
  Napi::Function ask = asks ? arguments.Function() : Napi::Function();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  Environment& environment = Environment::Of(info.Env());
  uint64_t token = Subscription::NewToken();
  std::shared_ptr<CredentialsAsker> asker;
  uint64_t asking = 0;
  if (asks) {
    asking = Subscription::NewToken();
    asker = std::make_shared<CredentialsAsker>(environment.mailbox(), asking);
  }
  auto task =
      std::make_shared<OpenTask>(std::move(uri), read_only, token, asker, asking, environment.mailbox());
  environment.AddListener(token, listener);
  if (asks) {
    environment.AddListener(asking, ask);
    environment.AddAsker(asking, asker);
  }
  return task->Start(environment, id);
}

// (uri | undefined, readOnly, closeListener, id) => Promise<handle>
Napi::Value Open(const Napi::CallbackInfo& info) { return StartOpen(info, false); }

// (uri | undefined, readOnly, closeListener, credentialsListener, id) => Promise<handle>
Napi::Value OpenAuth(const Napi::CallbackInfo& info) { return StartOpen(info, true); }

class CloseTask final : public Task {
 public:
  explicit CloseTask(std::shared_ptr<ConnectionHandle> connection)
      : Task("virConnectClose", std::move(connection)) {}

  bool MustRun() const override { return true; }

 protected:
  // Waits for the calls in flight. A second close finds nothing to do.
  bool Begin() override { return connection_->ScheduleClose(shared_from_this()); }

  bool Run(Failure*) override {
    references_ = connection_->Close();
    return references_ >= 0;
  }

  Napi::Value Result(Napi::Env env) override { return Napi::Number::New(env, references_); }

 private:
  int references_ = 0;
};

// (connection, id) => Promise<number of leaked references>
Napi::Value Close(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  HandleBox<ConnectionHandle>* box = arguments.ConnectionBox();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  Environment& environment = Environment::Of(info.Env());
  for (uint64_t listener : box->state->listeners()) environment.RemoveListener(listener);
  if (box->listener != 0) environment.RemoveListener(std::exchange(box->listener, 0));
  return std::make_shared<CloseTask>(box->state)->Start(environment, id);
}

// (connection, id) => Promise<string>
template <char* (*function)(virConnectPtr)>
Napi::Value GetString(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto connection = arguments.Connection();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::string>(
      info, id, api, connection,
      [connection](std::string& text) { return TakeString(function(connection->get()), text); },
      StringToValue);
}

Napi::Value GetUri(const Napi::CallbackInfo& info) {
  return GetString<virConnectGetURI>(info, "virConnectGetURI");
}

Napi::Value GetCapabilities(const Napi::CallbackInfo& info) {
  return GetString<virConnectGetCapabilities>(info, "virConnectGetCapabilities");
}

Napi::Value GetType(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto connection = arguments.Connection();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::string>(
      info, id, "virConnectGetType", connection,
      [connection](std::string& type) {
        const char* text = virConnectGetType(connection->get());
        if (text == nullptr) return false;
        type = text;
        return true;
      },
      StringToValue);
}

// (connection, id) => Promise<number>
template <int (*function)(virConnectPtr, unsigned long*)>
Napi::Value GetNumber(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto connection = arguments.Connection();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<unsigned long>(
      info, id, api, connection,
      [connection](unsigned long& number) { return function(connection->get(), &number) == 0; },
      NumberToValue<unsigned long>);
}

Napi::Value GetVersion(const Napi::CallbackInfo& info) {
  return GetNumber<virConnectGetVersion>(info, "virConnectGetVersion");
}

Napi::Value GetLibraryVersion(const Napi::CallbackInfo& info) {
  return GetNumber<virConnectGetLibVersion>(info, "virConnectGetLibVersion");
}

// (connection, emulator, arch, machine, virtType, id) => Promise<string>; each of the four may be undefined
Napi::Value GetDomainCapabilities(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto connection = arguments.Connection();
  auto emulator = arguments.StringOrUndefined();
  auto arch = arguments.StringOrUndefined();
  auto machine = arguments.StringOrUndefined();
  auto type = arguments.StringOrUndefined();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::string>(
      info, id, "virConnectGetDomainCapabilities", connection,
      [connection, emulator, arch, machine, type](std::string& xml) {
        return TakeString(virConnectGetDomainCapabilities(connection->get(), emulator.get(), arch.get(),
                                                          machine.get(), type.get(), 0),
                          xml);
      },
      StringToValue);
}

// (connection, xml, flags, id) => Promise<domain>
Napi::Value DefineDomain(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto connection = arguments.Connection();
  std::string xml = arguments.String();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::shared_ptr<DomainHandle>>(
      info, id, "virDomainDefineXMLFlags", connection,
      [connection, xml, flags](std::shared_ptr<DomainHandle>& domain) {
        return TakeDomain(connection, virDomainDefineXMLFlags(connection->get(), xml.c_str(), flags), domain);
      },
      DomainToValue);
}

// (connection, xml, flags, id) => Promise<domain>
Napi::Value CreateDomain(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto connection = arguments.Connection();
  std::string xml = arguments.String();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::shared_ptr<DomainHandle>>(
      info, id, "virDomainCreateXML", connection,
      [connection, xml, flags](std::shared_ptr<DomainHandle>& domain) {
        return TakeDomain(connection, virDomainCreateXML(connection->get(), xml.c_str(), flags), domain);
      },
      DomainToValue);
}

// (connection, key, id) => Promise<domain>
template <virDomainPtr (*function)(virConnectPtr, const char*)>
Napi::Value LookupDomain(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto connection = arguments.Connection();
  std::string key = arguments.String();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::shared_ptr<DomainHandle>>(
      info, id, api, connection,
      [connection, key](std::shared_ptr<DomainHandle>& domain) {
        return TakeDomain(connection, function(connection->get(), key.c_str()), domain);
      },
      DomainToValue);
}

Napi::Value LookupDomainByName(const Napi::CallbackInfo& info) {
  return LookupDomain<virDomainLookupByName>(info, "virDomainLookupByName");
}

Napi::Value LookupDomainByUuid(const Napi::CallbackInfo& info) {
  return LookupDomain<virDomainLookupByUUIDString>(info, "virDomainLookupByUUIDString");
}

// (connection, flags, id) => Promise<domain[]>
Napi::Value ListAllDomains(const Napi::CallbackInfo& info) {
  using Domains = std::vector<std::shared_ptr<DomainHandle>>;
  Arguments arguments(info);
  auto connection = arguments.Connection();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<Domains>(
      info, id, "virConnectListAllDomains", connection,
      [connection, flags](Domains& domains) {
        virDomainPtr* list = nullptr;
        int count = virConnectListAllDomains(connection->get(), &list, flags);
        if (count < 0) return false;
        OwnedList<virDomain, virDomainFree> owned(list, count);
        for (int i = 0; i < count; i++)
          domains.push_back(std::make_shared<DomainHandle>(connection, owned.Take(i)));
        return true;
      },
      [](Napi::Env env, Domains& domains) -> Napi::Value {
        Napi::Array array = Napi::Array::New(env, domains.size());
        for (uint32_t i = 0; i < domains.size(); i++) array.Set(i, DomainHandle::ToObject(env, domains[i]));
        return array;
      });
}

// (id) => Promise<number>
Napi::Value LibraryVersion(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<unsigned long>(
      info, id, "virGetVersion", nullptr,
      [](unsigned long& version) { return virGetVersion(&version, nullptr, nullptr) == 0; },
      NumberToValue<unsigned long>);
}

}  // namespace

void ExportConnection(Napi::Env env, Napi::Object exports) {
  Exporter add(env, exports);
  add("connectionOpen", Open);
  add("connectionOpenAuth", OpenAuth);
  add("connectionClose", Close);
  add("connectionGetUri", GetUri);
  add("connectionGetType", GetType);
  add("connectionGetVersion", GetVersion);
  add("connectionGetLibraryVersion", GetLibraryVersion);
  add("connectionGetCapabilities", GetCapabilities);
  add("connectionGetDomainCapabilities", GetDomainCapabilities);
  add("connectionDefineDomain", DefineDomain);
  add("connectionCreateDomain", CreateDomain);
  add("connectionLookupDomainByName", LookupDomainByName);
  add("connectionLookupDomainByUuid", LookupDomainByUuid);
  add("connectionListAllDomains", ListAllDomains);
  add("libraryVersion", LibraryVersion);
}

}  // namespace podman_bootc
