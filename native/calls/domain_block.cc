#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <cstdlib>
#include <new>

#include "calls/domain_calls.h"
#include "runtime/typed_parameters.h"

namespace podman_bootc {
namespace {

Napi::BigInt Big(Napi::Env env, unsigned long long number) {
  return Napi::BigInt::New(env, static_cast<uint64_t>(number));
}

// (domain, disk, flags, id) => Promise<{ capacity, allocation, physical }>
Napi::Value GetInfo(const Napi::CallbackInfo& info) {
  return OnDomain(
      info, "virDomainGetBlockInfo",
      +[](virDomainBlockInfo& result, virDomainPtr domain, const char* disk, unsigned int flags) {
        return virDomainGetBlockInfo(domain, disk, &result, flags) == 0;
      },
      [](Napi::Env env, virDomainBlockInfo& result) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("capacity", Big(env, result.capacity));
        object.Set("allocation", Big(env, result.allocation));
        object.Set("physical", Big(env, result.physical));
        return object;
      });
}

// (domain, disk, size, flags, id) => Promise<undefined>
Napi::Value Resize(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainBlockResize", virDomainBlockResize);
}

bool ReadStats(virDomainPtr domain, const char* disk, unsigned int flags, TypedParameters& result) {
  int count = 0;
  if (virDomainBlockStatsFlags(domain, disk, nullptr, &count, flags) < 0) return false;
  // As libvirt's own, to be freed like these.
  Owned<virTypedParameter, FreeMemory> parameters(
      static_cast<virTypedParameterPtr>(std::calloc(count, sizeof(virTypedParameter))));
  if (parameters == nullptr && count > 0) throw std::bad_alloc();
  if (virDomainBlockStatsFlags(domain, disk, parameters.get(), &count, flags) < 0) return false;
  result = TypedParameters(OwnedParameters(parameters.release(), count));
  return true;
}

// (domain, disk, flags, id) => Promise<{ field: value }>
Napi::Value GetStats(const Napi::CallbackInfo& info) {
  return OnDomain(
      info, "virDomainBlockStatsFlags",
      +[](TypedParameters& result, virDomainPtr domain, const char* disk, unsigned int flags) {
        return ReadStats(domain, disk, flags, result);
      },
      TypedParametersToObject);
}

// (domain, disk, base | undefined, top | undefined, bandwidth, flags, id) => Promise<undefined>
Napi::Value Commit(const Napi::CallbackInfo& info) {
  return OnDomain(
      info, "virDomainBlockCommit",
      +[](Nothing&, virDomainPtr domain, const char* disk, OptionalText base, OptionalText top,
          unsigned long long bandwidth, unsigned int flags) {
        return virDomainBlockCommit(domain, disk, base.text, top.text, bandwidth, flags) == 0;
      },
      ToUndefined);
}

struct JobInfo {
  virDomainBlockJobInfo info;
  bool running;
};

// (domain, disk, flags, id) => Promise<{ type, bandwidth, current, end } | null>
Napi::Value GetJobInfo(const Napi::CallbackInfo& info) {
  return OnDomain(
      info, "virDomainGetBlockJobInfo",
      +[](JobInfo& result, virDomainPtr domain, const char* disk, unsigned int flags) {
        int found = virDomainGetBlockJobInfo(domain, disk, &result.info, flags);
        result.running = found > 0;
        return found >= 0;
      },
      [](Napi::Env env, JobInfo& result) -> Napi::Value {
        if (!result.running) return env.Null();
        Napi::Object object = Napi::Object::New(env);
        object.Set("type", result.info.type);
        object.Set("bandwidth", Big(env, result.info.bandwidth));
        object.Set("current", Big(env, result.info.cur));
        object.Set("end", Big(env, result.info.end));
        return object;
      });
}

Napi::Value AbortJob(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainBlockJobAbort", virDomainBlockJobAbort);
}

}  // namespace

void ExportDomainBlock(Napi::Env env, Napi::Object exports) {
  Exporter add(env, exports);
  add("domainGetBlockInfo", GetInfo);
  add("domainBlockResize", Resize);
  add("domainGetBlockStats", GetStats);
  add("domainBlockCommit", Commit);
  add("domainGetBlockJobInfo", GetJobInfo);
  add("domainBlockJobAbort", AbortJob);
}

}  // namespace podman_bootc
