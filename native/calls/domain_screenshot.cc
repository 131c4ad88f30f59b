#include <libvirt/libvirt.h>

#include <vector>

#include "calls/calls.h"

namespace podman_bootc {
namespace {

// More than any screen: whoever sends more is not trusted with the rest of our memory.
constexpr size_t kMaximum = size_t{256} << 20;
constexpr size_t kChunk = 256 << 10;

// A picture is small and wanted as a whole, so its stream blocks the thread of the call instead of being
// handed to JavaScript.
class ScreenshotTask final : public Task {
 public:
  ScreenshotTask(std::shared_ptr<DomainHandle> domain, unsigned int screen)
      : Task("virDomainScreenshot", domain->connection()), domain_(std::move(domain)), screen_(screen) {}

 protected:
  bool Run(Failure* failure) override {
    Owned<virStream, virStreamFree> owned(virStreamNew(connection_->get(), 0));
    virStreamPtr stream = owned.get();
    if (stream == nullptr) return false;
    bool done = TakeString(virDomainScreenshot(domain_->get(), stream, screen_, 0), type_);
    if (done) {
      done = Receive(stream) && virStreamFinish(stream) == 0;
      // Now, because these clear the last error.
      if (!done) *failure = LastFailure(api_);
      if (!done) virStreamAbort(stream);
    } else {
      *failure = LastFailure(api_);
    }
    return done;
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object object = Napi::Object::New(env);
    object.Set("mimeType", type_);
    object.Set("data", Napi::Buffer<char>::Copy(env, data_.data(), data_.size()));
    return object;
  }

 private:
  bool Receive(virStreamPtr stream) {
    for (;;) {
      size_t size = data_.size();
      if (size > kMaximum) return false;
      data_.resize(size + kChunk);
      int received = virStreamRecv(stream, data_.data() + size, kChunk);
      data_.resize(size + (received > 0 ? received : 0));
      if (received <= 0) return received == 0;
    }
  }

  const std::shared_ptr<DomainHandle> domain_;
  const unsigned int screen_;
  std::string type_;
  std::vector<char> data_;
};

// (domain, screen, id) => Promise<{ mimeType, data }>
Napi::Value Screenshot(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto domain = arguments.Domain();
  uint32_t screen = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return std::make_shared<ScreenshotTask>(domain, screen)->Start(Environment::Of(info.Env()), id);
}

}  // namespace

void ExportDomainScreenshot(Napi::Env env, Napi::Object exports) {
  Exporter add(env, exports);
  add("domainScreenshot", Screenshot);
}

}  // namespace podman_bootc
