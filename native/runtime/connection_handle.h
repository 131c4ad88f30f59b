#pragma once

#include <libvirt/libvirt.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "runtime/dependent.h"
#include "runtime/subscription.h"
#include "runtime/task.h"

namespace podman_bootc {

class StreamHandle;

// An open connection and everything that refers to it: calls in flight, domains, subscriptions. It is shared
// by the JavaScript handle, the domains and the calls; the last of them to go closes the connection.
class ConnectionHandle : public std::enable_shared_from_this<ConnectionHandle> {
 public:
  // `lane` is for the calls on this connection.
  ConnectionHandle(virConnectPtr connection, std::shared_ptr<Subscription> close_subscription,
                   std::shared_ptr<Lane> lane);
  ~ConnectionHandle();
  ConnectionHandle(const ConnectionHandle&) = delete;
  ConnectionHandle& operator=(const ConnectionHandle&) = delete;

  static constexpr napi_type_tag kTag = {0x6f1d3a5bb1f54c0e, 0x9a7c0d2e4b8f1365};
  static constexpr const char* kExpected = "a handle of a connection";

  // For calls that have entered.
  virConnectPtr get() const { return connection_; }
  // As other handles have one.
  std::shared_ptr<ConnectionHandle> connection() { return shared_from_this(); }
  const std::shared_ptr<Lane>& lane() const { return lane_; }

  // Calls in flight. A close waits for live ones, and refuses new ones.
  bool Enter(Task& task);
  void Leave(Task& task);
  // A call nobody waits for any longer does not hold up a close either: the closing promise is resolved
  // early, and the connection is closed when the orphan is done.
  void Orphan(Task& task);
  // Schedules the task once no call is in flight. False when the connection is closing already.
  bool ScheduleClose(std::shared_ptr<Task> task);

  // Domains of this connection, and so on. Removing frees.
  void AddDependent(Dependent* dependent);
  void RemoveDependent(Dependent* dependent);

  // The job of a stream, for as long as it runs, counts as a call. False when the connection is closing.
  bool EnterStream();
  void LeaveStream();
  // Streams that have not ended: they belong to the connection, which ends them when it is closed.
  void AddStream(std::shared_ptr<StreamHandle> stream);
  void RemoveStream(StreamHandle* stream);

  // Makes a listener receive a kind of event (virDomainEventID), for which libvirt calls `callback` with a
  // Subscription as opaque. The first one registers with libvirt and the last one deregisters, so both may
  // wait for the daemon. For calls that have entered.
  bool Subscribe(int event, virConnectDomainEventGenericCallback callback, uint64_t listener,
                 std::shared_ptr<Mailbox> mailbox);
  // Nothing happens when it is gone already.
  void Unsubscribe(uint64_t listener);
  std::vector<uint64_t> listeners();

  // Frees all that refers to the connection, closes it and returns virConnectClose's answer: -1 for a
  // failure, above 0 when references were leaked. For the scheduled task alone. May wait for the daemon.
  int Close();

 private:
  struct Parts;
  Parts TakeParts();
  static int Close(Parts parts);
  void ContinueClose(std::unique_lock<std::mutex> lock);

  const std::shared_ptr<Lane> lane_;
  // Held while subscribing and unsubscribing talk to the daemon, so never taken on the JavaScript or the
  // event thread; taken before the other.
  std::mutex subscribing_;
  // Guards all that follows, for an instant.
  std::mutex mutex_;
  virConnectPtr connection_;
  std::shared_ptr<Subscription> close_subscription_;
  // By virDomainEventID.
  std::unordered_map<int, std::shared_ptr<Subscription>> subscriptions_;
  std::unordered_set<Dependent*> dependents_;
  std::unordered_map<StreamHandle*, std::shared_ptr<StreamHandle>> streams_;
  bool had_streams_ = false;
  size_t live_ = 0;
  size_t orphans_ = 0;
  bool closing_ = false;
  bool resolved_early_ = false;
  std::shared_ptr<Task> close_task_;
};

// libvirt's callback for a connection that breaks, to be registered with a Subscription as opaque.
void OnConnectionClosed(virConnectPtr connection, int reason, void* opaque);

}  // namespace podman_bootc
