#include "runtime/credentials.h"

#include <cstring>
#include <exception>
#include <utility>

#include "runtime/environment.h"
#include "runtime/value.h"

namespace podman_bootc {
namespace {

// All there are: what libvirt may not ask for, it fails without.
int kTypes[] = {VIR_CRED_USERNAME,     VIR_CRED_AUTHNAME,   VIR_CRED_LANGUAGE,
                VIR_CRED_CNONCE,       VIR_CRED_PASSPHRASE, VIR_CRED_ECHOPROMPT,
                VIR_CRED_NOECHOPROMPT, VIR_CRED_REALM,      VIR_CRED_EXTERNAL};

class CredentialsWanted final : public Message {
 public:
  CredentialsWanted(std::shared_ptr<CredentialsAsker> asker, uint64_t listener, Value requests)
      : asker_(std::move(asker)), listener_(listener), requests_(std::move(requests)) {}

  // The environment has ended before it could be asked.
  ~CredentialsWanted() override {
    if (!delivered_) asker_->End();
  }

  void Deliver(Environment& environment) override {
    delivered_ = true;
    Napi::Env env = environment.env();
    environment.CallListener(listener_, {Napi::BigInt::New(env, listener_), requests_.For(env)});
  }

 private:
  const std::shared_ptr<CredentialsAsker> asker_;
  const uint64_t listener_;
  const Value requests_;
  bool delivered_ = false;
};

}  // namespace

CredentialsAsker::CredentialsAsker(std::shared_ptr<Mailbox> mailbox, uint64_t listener)
    : mailbox_(std::move(mailbox)),
      listener_(listener),
      auth_{kTypes, sizeof(kTypes) / sizeof(kTypes[0]), Ask, this} {}

void CredentialsAsker::Answer(std::vector<OptionalString> answers) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!asking_) return;
  answers_ = std::move(answers);
  answered_ = true;
  condition_.notify_all();
}

void CredentialsAsker::End() {
  std::lock_guard<std::mutex> lock(mutex_);
  ended_ = true;
  condition_.notify_all();
}

int CredentialsAsker::Ask(virConnectCredentialPtr credentials, unsigned int count, void* opaque) {
  // libvirt has no way to be told why, and must not be left by an exception.
  try {
    return static_cast<CredentialsAsker*>(opaque)->Ask(credentials, count);
  } catch (const std::exception&) {
    return -1;
  }
}

int CredentialsAsker::Ask(virConnectCredentialPtr credentials, unsigned int count) {
  Value::List requests;
  for (unsigned int i = 0; i < count; i++)
    requests.push_back(Value::Fields{{"type", credentials[i].type},
                                     {"prompt", credentials[i].prompt},
                                     {"challenge", credentials[i].challenge},
                                     {"defaultResult", credentials[i].defresult}});
  std::unique_lock<std::mutex> lock(mutex_);
  answered_ = false;
  asking_ = true;
  lock.unlock();
  // Without the lock: a message that can't be posted is destroyed, and that takes it.
  mailbox_->Post(std::make_shared<CredentialsWanted>(shared_from_this(), listener_, std::move(requests)));
  lock.lock();
  condition_.wait(lock, [this] { return answered_ || ended_; });
  asking_ = false;
  if (!answered_ || answers_.size() != count) return -1;
  for (unsigned int i = 0; i < count; i++) {
    const char* answer = answers_[i].get();
    if (answer == nullptr) continue;
    // libvirt frees it.
    credentials[i].result = strdup(answer);
    if (credentials[i].result == nullptr) return -1;
    credentials[i].resultlen = static_cast<unsigned int>(std::strlen(answer));
  }
  answers_.clear();
  return 0;
}

}  // namespace podman_bootc
