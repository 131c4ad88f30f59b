#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <vector>

#include "calls/call.h"
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
    return WrapHandle(env, std::move(connection_), listener_);
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
Napi::Value Open(const Napi::CallbackInfo& info, const char*) { return StartOpen(info, false); }

// (uri | undefined, readOnly, closeListener, credentialsListener, id) => Promise<handle>
Napi::Value OpenAuth(const Napi::CallbackInfo& info, const char*) { return StartOpen(info, true); }

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
Napi::Value CloseConnection(const Napi::CallbackInfo& info, const char*) {
  Arguments arguments(info);
  auto* box = arguments.Box<ConnectionHandle>();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  Environment& environment = Environment::Of(info.Env());
  for (uint64_t listener : box->state->listeners()) environment.RemoveListener(listener);
  if (box->listener != 0) environment.RemoveListener(std::exchange(box->listener, 0));
  return std::make_shared<CloseTask>(box->state)->Start(environment, id);
}

// (token, (string | null)[] | undefined) => undefined. Undefined declines.
Napi::Value AnswerCredentials(const Napi::CallbackInfo& info, const char*) {
  Arguments arguments(info);
  uint64_t token = arguments.Size();
  bool answers = info[1].IsArray();
  std::vector<OptionalString> list = answers ? arguments.OptionalStringList() : std::vector<OptionalString>();
  if (!arguments.ok()) return Napi::Value();
  auto asker = Environment::Of(info.Env()).FindAsker(token);
  if (asker != nullptr && answers) asker->Answer(std::move(list));
  if (asker != nullptr && !answers) asker->End();
  return info.Env().Undefined();
}

// (connection, id) => Promise<string>
bool GetType(Answer& answer, virConnectPtr connection) {
  const char* type = virConnectGetType(connection);
  return answer.Check(type != nullptr) && answer.Give(type);
}

// (connection, id) => Promise<number>
template <int (*function)(virConnectPtr, unsigned long*)>
bool GetVersion(Answer& answer, virConnectPtr connection) {
  unsigned long version = 0;
  return answer.Done(function(connection, &version)) && answer.Give(static_cast<double>(version));
}

// (id) => Promise<number>
bool GetOwnVersion(Answer& answer) {
  unsigned long version = 0;
  return answer.Done(virGetVersion(&version, nullptr, nullptr)) && answer.Give(static_cast<double>(version));
}

// (connection, emulator, arch, machine, virtType, id) => Promise<string>; each of the four may be undefined
bool GetDomainCapabilities(Answer& answer, virConnectPtr connection, OptionalText emulator, OptionalText arch,
                           OptionalText machine, OptionalText type) {
  return answer.Text(
      virConnectGetDomainCapabilities(connection, emulator.text, arch.text, machine.text, type.text, 0));
}

}  // namespace

const Entries kConnectionEntries = {
    {"libraryVersion", "virGetVersion", Run<GetOwnVersion>},
    {"connectionOpen", nullptr, Open},
    {"connectionOpenAuth", nullptr, OpenAuth},
    {"answerCredentials", nullptr, AnswerCredentials},
    {"connectionClose", nullptr, CloseConnection},
    {"connectionGetUri", "virConnectGetURI", GetText<virConnectGetURI>},
    {"connectionGetType", "virConnectGetType", Run<GetType>},
    {"connectionGetVersion", "virConnectGetVersion", Run<GetVersion<virConnectGetVersion>>},
    {"connectionGetLibraryVersion", "virConnectGetLibVersion", Run<GetVersion<virConnectGetLibVersion>>},
    {"connectionGetCapabilities", "virConnectGetCapabilities", GetText<virConnectGetCapabilities>},
    {"connectionGetDomainCapabilities", "virConnectGetDomainCapabilities", Run<GetDomainCapabilities>},
};

}  // namespace podman_bootc
