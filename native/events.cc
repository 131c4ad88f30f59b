#include <libvirt/libvirt.h>

#include "calls.h"

namespace podman_bootc {
namespace {

// Copied on the event thread, which must make no libvirt call of its own: it would wait for itself.
class DomainLifecycle final : public Message {
 public:
  DomainLifecycle(uint64_t listener, virDomainPtr domain, int event, int detail)
      : listener_(listener), event_(event), detail_(detail) {
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    // Both read the structure only.
    const char* name = virDomainGetName(domain);
    if (name != nullptr) name_ = name;
    if (virDomainGetUUIDString(domain, uuid) == 0) uuid_ = uuid;
  }

  void Deliver(Environment& environment) override {
    Napi::Env env = environment.env();
    environment.CallListener(listener_, {Napi::String::New(env, name_), Napi::String::New(env, uuid_),
                                         Napi::Number::New(env, event_), Napi::Number::New(env, detail_)});
  }

 private:
  const uint64_t listener_;
  std::string name_;
  std::string uuid_;
  const int event_;
  const int detail_;
};

int OnDomainLifecycle(virConnectPtr, virDomainPtr domain, int event, int detail, void* opaque) {
  auto subscription = Subscription::Find(opaque);
  if (subscription == nullptr) return 0;
  for (uint64_t listener : subscription->listeners())
    subscription->mailbox().Post(std::make_shared<DomainLifecycle>(listener, domain, event, detail));
  return 0;
}

class UnsubscribeTask final : public Task {
 public:
  UnsubscribeTask(std::shared_ptr<ConnectionHandle> connection, uint64_t token)
      : Task("virConnectDomainEventDeregisterAny", std::move(connection)), token_(token) {}

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
  SubscribeTask(std::shared_ptr<ConnectionHandle> connection, uint64_t token,
                std::shared_ptr<Mailbox> mailbox)
      : Task("virConnectDomainEventRegisterAny", std::move(connection)),
        token_(token),
        listener_mailbox_(std::move(mailbox)) {}

 protected:
  bool Run(Failure*) override {
    return connection_->Subscribe(VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(OnDomainLifecycle),
                                  token_, listener_mailbox_);
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
  const uint64_t token_;
  const std::shared_ptr<Mailbox> listener_mailbox_;
};

// (connection, listener, id) => Promise<token>
Napi::Value SubscribeDomainLifecycle(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto connection = arguments.Connection();
  Napi::Function listener = arguments.Function();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  Environment& environment = Environment::Of(info.Env());
  uint64_t token = Subscription::NewToken();
  // Before the call: an event may overtake its result.
  environment.AddListener(token, listener);
  auto task = std::make_shared<SubscribeTask>(connection, token, environment.mailbox());
  return task->Start(environment, id);
}

// (connection, token, id) => Promise<undefined>
Napi::Value UnsubscribeDomainLifecycle(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto connection = arguments.Connection();
  uint64_t token = arguments.Token();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  Environment& environment = Environment::Of(info.Env());
  environment.RemoveListener(token);
  return std::make_shared<UnsubscribeTask>(connection, token)->Start(environment, id);
}

}  // namespace

void ExportEvents(Napi::Env env, Napi::Object exports) {
  exports.Set("subscribeDomainLifecycle", Napi::Function::New<SubscribeDomainLifecycle>(env));
  exports.Set("unsubscribeDomainLifecycle", Napi::Function::New<UnsubscribeDomainLifecycle>(env));
}

}  // namespace podman_bootc
