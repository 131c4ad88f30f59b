#include <libvirt/libvirt.h>

#include <vector>

#include "calls/domain_calls.h"
#include "runtime/typed_parameters.h"

namespace podman_bootc {
namespace {

// (domain, flags, id) => Promise<[tag, value][]>
Napi::Value GetMemoryStats(const Napi::CallbackInfo& info) {
  using Stats = std::vector<virDomainMemoryStatStruct>;
  return OnDomain(
      info, "virDomainMemoryStats",
      +[](Stats& stats, virDomainPtr domain, unsigned int flags) {
        stats.resize(VIR_DOMAIN_MEMORY_STAT_NR);
        int count = virDomainMemoryStats(domain, stats.data(), VIR_DOMAIN_MEMORY_STAT_NR, flags);
        stats.resize(count < 0 ? 0 : count);
        return count >= 0;
      },
      [](Napi::Env env, Stats& stats) -> Napi::Value {
        Napi::Array array = Napi::Array::New(env, stats.size());
        for (uint32_t i = 0; i < stats.size(); i++) {
          Napi::Array pair = Napi::Array::New(env, 2);
          pair.Set(0u, stats[i].tag);
          pair.Set(1u, Napi::BigInt::New(env, static_cast<uint64_t>(stats[i].val)));
          array.Set(i, pair);
        }
        return array;
      });
}

struct JobStats {
  int type;
  TypedParameters parameters;
};

// (domain, flags, id) => Promise<[type, { field: value }]>
Napi::Value GetJobStats(const Napi::CallbackInfo& info) {
  return OnDomain(
      info, "virDomainGetJobStats",
      +[](JobStats& result, virDomainPtr domain, unsigned int flags) {
        virTypedParameterPtr parameters = nullptr;
        int count = 0;
        if (virDomainGetJobStats(domain, &result.type, &parameters, &count, flags) < 0) return false;
        result.parameters = TypedParameters(OwnedParameters(parameters, count));
        return true;
      },
      [](Napi::Env env, JobStats& result) -> Napi::Value {
        Napi::Array pair = Napi::Array::New(env, 2);
        pair.Set(0u, result.type);
        pair.Set(1u, result.parameters.ToObject(env));
        return pair;
      });
}

Napi::Value AbortJob(const Napi::CallbackInfo& info) {
  return Act(info, "virDomainAbortJob", virDomainAbortJob);
}

// (connection, stats, flags, id) => Promise<[domain, { field: value }][]>
Napi::Value GetAllDomainStats(const Napi::CallbackInfo& info) {
  using Records = std::vector<std::pair<std::shared_ptr<DomainHandle>, TypedParameters>>;
  Arguments arguments(info);
  auto connection = arguments.Connection();
  uint32_t stats = arguments.Unsigned();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<Records>(
      info, id, "virConnectGetAllDomainStats", connection,
      [connection, stats, flags](Records& records) {
        virDomainStatsRecordPtr* list = nullptr;
        int count = virConnectGetAllDomainStats(connection->get(), stats, &list, flags);
        if (count < 0) return false;
        Owned<virDomainStatsRecordPtr, virDomainStatsRecordListFree> owned(list);
        for (int i = 0; i < count; i++) {
          // The list's own references go with it.
          virDomainRef(list[i]->dom);
          OwnedDomain domain(list[i]->dom);
          records.emplace_back(std::make_shared<DomainHandle>(connection, std::move(domain)),
                               TypedParameters(list[i]->params, list[i]->nparams));
        }
        return true;
      },
      [](Napi::Env env, Records& records) -> Napi::Value {
        Napi::Array array = Napi::Array::New(env, records.size());
        for (uint32_t i = 0; i < records.size(); i++) {
          Napi::Array pair = Napi::Array::New(env, 2);
          pair.Set(0u, DomainHandle::ToObject(env, records[i].first));
          pair.Set(1u, records[i].second.ToObject(env));
          array.Set(i, pair);
        }
        return array;
      });
}

}  // namespace

void ExportDomainStats(Napi::Env env, Napi::Object exports) {
  Exporter add(env, exports);
  add("domainGetMemoryStats", GetMemoryStats);
  add("domainGetJobStats", GetJobStats);
  add("domainAbortJob", AbortJob);
  add("connectionGetAllDomainStats", GetAllDomainStats);
}

}  // namespace podman_bootc
