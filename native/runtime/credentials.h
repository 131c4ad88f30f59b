#pragma once

#include <libvirt/libvirt.h>
#include <napi.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/arguments.h"
#include "runtime/mailbox.h"

namespace podman_bootc {

// Asks JavaScript for credentials while a thread of the executor opens a connection. The thread waits for the
// answer, so whoever could have given it has to say when it will not come: a call that is abandoned, a
// listener that fails, an environment that ends.
class CredentialsAsker : public std::enable_shared_from_this<CredentialsAsker> {
 public:
  CredentialsAsker(std::shared_ptr<Mailbox> mailbox, uint64_t listener);

  // For virConnectOpenAuth; valid as long as the asker.
  virConnectAuthPtr auth() { return &auth_; }

  // Any thread. Only the answer to a question that is being asked counts.
  void Answer(std::vector<OptionalString> answers);
  // Any thread. No question will be answered any more.
  void End();

 private:
  // libvirt's callback, on the thread that opens the connection.
  static int Ask(virConnectCredentialPtr credentials, unsigned int count, void* opaque);
  int Ask(virConnectCredentialPtr credentials, unsigned int count);

  const std::shared_ptr<Mailbox> mailbox_;
  const uint64_t listener_;
  virConnectAuth auth_;
  std::mutex mutex_;
  std::condition_variable condition_;
  bool asking_ = false;
  bool answered_ = false;
  bool ended_ = false;
  std::vector<OptionalString> answers_;
};

}  // namespace podman_bootc
