#include <libvirt/libvirt.h>

#include "calls/call.h"

namespace podman_bootc {
namespace {

// Copied on the event thread, which must make no libvirt call of its own: it would wait for itself.
class DomainEvent final : public Message {
 public:
  DomainEvent(uint64_t listener, virDomainPtr domain, Value::List values)
      : listener_(listener), values_(std::move(values)) {
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    // Both read the structure only.
    name_ = TextOf(virDomainGetName(domain));
    if (virDomainGetUUIDString(domain, uuid) == 0) uuid_ = uuid;
  }

  void Deliver(Environment& environment) override {
    Napi::Env env = environment.env();
    environment.CallListener(
        listener_, {Napi::String::New(env, name_), Napi::String::New(env, uuid_), values_.For(env)});
  }

 private:
  const uint64_t listener_;
  std::string name_;
  std::string uuid_;
  const Value values_;
};

void Post(void* opaque, virDomainPtr domain, Value::List values) {
  auto subscription = Subscription::Find(opaque);
  if (subscription == nullptr) return;
  for (uint64_t listener : subscription->listeners())
    subscription->mailbox().Post(std::make_shared<DomainEvent>(listener, domain, values));
}

int OnLifecycle(virConnectPtr, virDomainPtr domain, int event, int detail, void* opaque) {
  Post(opaque, domain, {event, detail});
  return 0;
}

void OnReboot(virConnectPtr, virDomainPtr domain, void* opaque) { Post(opaque, domain, {}); }

void OnAgentLifecycle(virConnectPtr, virDomainPtr domain, int state, int reason, void* opaque) {
  Post(opaque, domain, {state, reason});
}

void OnBlockJob(virConnectPtr, virDomainPtr domain, const char* disk, int type, int status, void* opaque) {
  Post(opaque, domain, {TextOf(disk), type, status});
}

void OnDeviceRemoved(virConnectPtr, virDomainPtr domain, const char* alias, void* opaque) {
  Post(opaque, domain, {TextOf(alias)});
}

void OnJobCompleted(virConnectPtr, virDomainPtr domain, virTypedParameterPtr parameters, int count,
                    void* opaque) {
  Post(opaque, domain, {FieldsOf(parameters, count)});
}

// Null for an event that is not offered.
virConnectDomainEventGenericCallback CallbackFor(int event) {
  switch (event) {
    case VIR_DOMAIN_EVENT_ID_LIFECYCLE:
      return VIR_DOMAIN_EVENT_CALLBACK(OnLifecycle);
    case VIR_DOMAIN_EVENT_ID_REBOOT:
      return OnReboot;
    case VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE:
      return VIR_DOMAIN_EVENT_CALLBACK(OnAgentLifecycle);
    // Names the disk by its target; the older event gives the path of an image.
    case VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2:
      return VIR_DOMAIN_EVENT_CALLBACK(OnBlockJob);
    case VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED:
      return VIR_DOMAIN_EVENT_CALLBACK(OnDeviceRemoved);
    case VIR_DOMAIN_EVENT_ID_JOB_COMPLETED:
      return VIR_DOMAIN_EVENT_CALLBACK(OnJobCompleted);
    default:
      return nullptr;
  }
}

class UnsubscribeTask final : public Task {
 public:
  UnsubscribeTask(std::shared_ptr<ConnectionHandle> connection, uint64_t token)
      : Task("virConnectDomainEventDeregisterAny", std::move(connection)), token_(token) {}

  bool MustRun() const override { return true; }

 protected:
  bool Run(Failure*) override {
    connection_->Unsubscribe(token_);
    return true;
  }

  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

 private:
  const uint64_t token_;
};

class SubscribeTask final : public Task {
 public:
  SubscribeTask(std::shared_ptr<ConnectionHandle> connection, int event, uint64_t token,
                std::shared_ptr<Mailbox> mailbox)
      : Task("virConnectDomainEventRegisterAny", std::move(connection)),
        event_(event),
        token_(token),
        listener_mailbox_(std::move(mailbox)) {}

 protected:
  bool Run(Failure*) override {
    return connection_->Subscribe(event_, CallbackFor(event_), token_, listener_mailbox_);
  }

  Napi::Value Result(Napi::Env env) override {
    // As a BigInt it has all 64 bits.
    return Napi::BigInt::New(env, token_);
  }

  void Withdraw(Environment& environment) override { environment.RemoveListener(token_); }

  void Discard(Environment& environment) override {
    std::make_shared<UnsubscribeTask>(connection_, token_)->StartUnattended(environment);
  }

 private:
  const int event_;
  const uint64_t token_;
  const std::shared_ptr<Mailbox> listener_mailbox_;
};

// (connection, event, listener, id) => Promise<token>
Napi::Value SubscribeDomainEvent(const Napi::CallbackInfo& info, const char*) {
  Arguments arguments(info);
  auto connection = arguments.Object<ConnectionHandle>();
  int32_t event = arguments.Integer();
  if (arguments.ok() && CallbackFor(event) == nullptr) arguments.Refuse("the number of an event");
  Napi::Function listener = arguments.Function();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  Environment& environment = Environment::Of(info.Env());
  uint64_t token = Subscription::NewToken();
  // Before the call: an event may overtake its result.
  environment.AddListener(token, listener);
  auto task = std::make_shared<SubscribeTask>(connection, event, token, environment.mailbox());
  return task->Start(environment, id);
}

// (connection, token, id) => Promise<undefined>
Napi::Value UnsubscribeDomainEvent(const Napi::CallbackInfo& info, const char*) {
  Arguments arguments(info);
  auto connection = arguments.Object<ConnectionHandle>();
  uint64_t token = arguments.Size();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  Environment& environment = Environment::Of(info.Env());
  environment.RemoveListener(token);
  return std::make_shared<UnsubscribeTask>(connection, token)->Start(environment, id);
}

}  // namespace

const Entries kDomainEventEntries = {
    {"subscribeDomainEvent", nullptr, SubscribeDomainEvent},
    {"unsubscribeDomainEvent", nullptr, UnsubscribeDomainEvent},
};

}  // namespace podman_bootc
