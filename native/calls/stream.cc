#include "calls/stream.h"

#include <libvirt/libvirt.h>

#include <algorithm>

#include "runtime/stream_handle.h"

namespace podman_bootc {
namespace {

// One packet of libvirt's protocol (VIR_NET_MESSAGE_LEGACY_PAYLOAD_MAX), which every version takes.
constexpr size_t kPacket = 262120;
constexpr uint32_t kMaximumReceive = 16 * 1024 * 1024;

// virStreamRecv's answers besides a number of bytes.
constexpr int kWouldBlock = -2;
constexpr int kHole = -3;

class ReceiveTask final : public StreamTask {
 public:
  ReceiveTask(const char* api, std::shared_ptr<StreamHandle> stream, uint32_t size)
      : StreamTask(api, std::move(stream), Slot::kReceive), size_(size) {}

  Outcome Attempt(virStreamPtr stream) override {
    if (data_ == nullptr) data_.reset(new uint8_t[size_]);
    while (length_ < size_) {
      int count =
          virStreamRecvFlags(stream, reinterpret_cast<char*>(data_.get()) + length_,
                             std::min<size_t>(size_ - length_, kPacket), VIR_STREAM_RECV_STOP_AT_HOLE);
      if (count > 0) {
        length_ += count;
        continue;
      }
      // What has arrived is delivered first; the next call meets the same answer again.
      if (length_ > 0) break;
      if (count == kWouldBlock) return Outcome::kWait;
      if (count == kHole) {
        long long length = 0;
        if (virStreamRecvHole(stream, &length, 0) < 0) return Outcome::kFailed;
        hole_ = static_cast<uint64_t>(length);
        return Outcome::kDone;
      }
      return count == 0 ? Outcome::kDone : Outcome::kFailed;
    }
    return Outcome::kDone;
  }

  bool AcceptEnd() override { return true; }

 protected:
  Napi::Value Result(Napi::Env env) override {
    if (hole_ > 0) return Napi::BigInt::New(env, hole_);
    if (length_ == 0) return env.Null();
    return Napi::Buffer<uint8_t>::Copy(env, data_.get(), length_);
  }

 private:
  const uint32_t size_;
  std::unique_ptr<uint8_t[]> data_;
  size_t length_ = 0;
  uint64_t hole_ = 0;
};

class SendTask final : public StreamTask {
 public:
  SendTask(const char* api, std::shared_ptr<StreamHandle> stream, std::string data)
      : StreamTask(api, std::move(stream), Slot::kSend), data_(std::move(data)) {}

  Outcome Attempt(virStreamPtr stream) override {
    if (sent_ == data_.size()) return Outcome::kDone;
    int count = virStreamSend(stream, data_.data() + sent_, std::min(data_.size() - sent_, kPacket));
    if (count == kWouldBlock) return Outcome::kWait;
    if (count < 0) return Outcome::kFailed;
    sent_ += count;
    return sent_ == data_.size() ? Outcome::kDone : Outcome::kMore;
  }

 private:
  const std::string data_;
  size_t sent_ = 0;
};

class SendHoleTask final : public StreamTask {
 public:
  SendHoleTask(const char* api, std::shared_ptr<StreamHandle> stream, uint64_t length)
      : StreamTask(api, std::move(stream), Slot::kSend), length_(length) {}

  Outcome Attempt(virStreamPtr stream) override {
    return virStreamSendHole(stream, static_cast<long long>(length_), 0) == 0 ? Outcome::kDone
                                                                              : Outcome::kFailed;
  }

 private:
  const uint64_t length_;
};

// (stream, size) => Promise<Buffer | bigint (a hole of so many bytes) | null (the end)>
Napi::Value Receive(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto reference = arguments.Object<StreamReference>();
  uint32_t size = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  size = std::min(std::max(size, uint32_t{1}), kMaximumReceive);
  return std::make_shared<ReceiveTask>(api, reference->stream(), size)->Start(Environment::Of(info.Env()), 0);
}

// (stream, Uint8Array) => Promise<undefined>
Napi::Value Send(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto reference = arguments.Object<StreamReference>();
  std::string data = arguments.Bytes();
  if (!arguments.ok()) return Napi::Value();
  return std::make_shared<SendTask>(api, reference->stream(), std::move(data))
      ->Start(Environment::Of(info.Env()), 0);
}

// (stream, length) => Promise<undefined>
Napi::Value SendHole(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto reference = arguments.Object<StreamReference>();
  uint64_t length = arguments.Size();
  if (!arguments.ok()) return Napi::Value();
  return std::make_shared<SendHoleTask>(api, reference->stream(), length)
      ->Start(Environment::Of(info.Env()), 0);
}

// (stream) => Promise<undefined>
template <StreamTask::Slot slot>
Napi::Value EndStream(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto reference = arguments.Object<StreamReference>();
  if (!arguments.ok()) return Napi::Value();
  return std::make_shared<StreamTask>(api, reference->stream(), slot)->Start(Environment::Of(info.Env()), 0);
}

// (domain, device | undefined, flags, id) => Promise<stream>
template <int (*function)(virDomainPtr, const char*, virStreamPtr, unsigned int)>
bool OpenDevice(Answer& answer, virDomainPtr domain, OptionalText device, unsigned int flags) {
  return OpenStream(answer,
                    [&](virStreamPtr stream) { return function(domain, device.text, stream, flags); });
}

}  // namespace

bool OpenStream(Answer& answer, const std::function<int(virStreamPtr)>& open) {
  Owned<virStream, virStreamFree> stream(virStreamNew(answer.connection->get(), VIR_STREAM_NONBLOCK));
  if (!answer.Check(stream != nullptr) || !answer.Done(open(stream.get()))) return false;
  auto handle = StreamHandle::Create(answer.connection, std::move(stream), &answer.failure);
  return handle != nullptr && answer.Give(std::make_shared<StreamReference>(std::move(handle)));
}

const Entries kStreamEntries = {
    {"domainOpenConsole", "virDomainOpenConsole", Run<OpenDevice<virDomainOpenConsole>>},
    {"domainOpenChannel", "virDomainOpenChannel", Run<OpenDevice<virDomainOpenChannel>>},
    {"streamReceive", "virStreamRecv", Receive},
    {"streamSend", "virStreamSend", Send},
    {"streamSendHole", "virStreamSendHole", SendHole},
    {"streamFinish", "virStreamFinish", EndStream<StreamTask::Slot::kFinish>},
    {"streamAbort", "virStreamAbort", EndStream<StreamTask::Slot::kAbort>},
};

}  // namespace podman_bootc
