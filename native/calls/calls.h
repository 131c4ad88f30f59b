#pragma once

#include <napi.h>

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/arguments.h"
#include "runtime/memory.h"
#include "runtime/task.h"

namespace podman_bootc {

// Adds functions to the exports of the addon. Napi::Function::New would allocate data for each of them,
// because they are not known when this is compiled.
class Exporter {
 public:
  using Function = Napi::Value (*)(const Napi::CallbackInfo&);

  Exporter(Napi::Env env, Napi::Object exports) : env_(env), exports_(exports) {}

  void operator()(const char* name, Function function) {
    napi_value value;
    if (napi_create_function(env_, name, NAPI_AUTO_LENGTH, Invoke, reinterpret_cast<void*>(function),
                             &value) == napi_ok)
      exports_.Set(name, Napi::Value(env_, value));
  }

 private:
  static napi_value Invoke(napi_env env, napi_callback_info callback) {
    Napi::CallbackInfo info(env, callback);
    try {
      return reinterpret_cast<Function>(info.Data())(info);
    } catch (const std::exception&) {
      OutOfMemory("the arguments").Throw(env);
      return nullptr;
    }
  }

  Napi::Env env_;
  Napi::Object exports_;
};

// Queues a call and returns its promise. T is what `run` fills in and `convert` reads.
template <typename T>
Napi::Value StartCall(const Napi::CallbackInfo& info, uint32_t id, const char* api,
                      std::shared_ptr<ConnectionHandle> connection, typename Call<T>::RunFunction run,
                      typename Call<T>::ConvertFunction convert) {
  auto call = std::make_shared<Call<T>>(api, std::move(connection), std::move(run), std::move(convert));
  return call->Start(Environment::Of(info.Env()), id);
}

// Takes over a string that libvirt allocated.
inline bool TakeString(char* text, std::string& result) {
  if (text == nullptr) return false;
  result = OwnedText(text).get();
  return true;
}

inline Napi::Value StringToValue(Napi::Env env, std::string& text) { return Napi::String::New(env, text); }

inline Napi::Value StringsToValue(Napi::Env env, std::vector<std::string>& texts) {
  Napi::Array array = Napi::Array::New(env, texts.size());
  for (uint32_t i = 0; i < texts.size(); i++) array.Set(i, texts[i]);
  return array;
}

template <typename T>
Napi::Value NumberToValue(Napi::Env env, T& number) {
  return Napi::Number::New(env, static_cast<double>(number));
}

// libvirt answers yes or no with an int that is -1 for a failure.
inline Napi::Value IntToBoolean(Napi::Env env, int& answer) { return Napi::Boolean::New(env, answer == 1); }

struct Nothing {};
inline Napi::Value ToUndefined(Napi::Env env, Nothing&) { return env.Undefined(); }

inline bool TakeDomain(const std::shared_ptr<ConnectionHandle>& connection, virDomainPtr domain,
                       std::shared_ptr<DomainHandle>& result) {
  if (domain == nullptr) return false;
  result = std::make_shared<DomainHandle>(connection, OwnedDomain(domain));
  return true;
}

inline Napi::Value DomainToValue(Napi::Env env, std::shared_ptr<DomainHandle>& domain) {
  return DomainHandle::ToObject(env, domain);
}

// Each file adds the calls of its noun to the exports.
void ExportConnection(Napi::Env env, Napi::Object exports);
void ExportCredentials(Napi::Env env, Napi::Object exports);
void ExportDomain(Napi::Env env, Napi::Object exports);
void ExportDomainBlock(Napi::Env env, Napi::Object exports);
void ExportDomainDevices(Napi::Env env, Napi::Object exports);
void ExportDomainGuest(Napi::Env env, Napi::Object exports);
void ExportDomainPower(Napi::Env env, Napi::Object exports);
void ExportDomainScreenshot(Napi::Env env, Napi::Object exports);
void ExportDomainSnapshot(Napi::Env env, Napi::Object exports);
void ExportDomainStats(Napi::Env env, Napi::Object exports);
void ExportEvents(Napi::Env env, Napi::Object exports);
void ExportFileLock(Napi::Env env, Napi::Object exports);
void ExportNetwork(Napi::Env env, Napi::Object exports);
void ExportStoragePool(Napi::Env env, Napi::Object exports);
void ExportStorageVolume(Napi::Env env, Napi::Object exports);
void ExportStream(Napi::Env env, Napi::Object exports);

}  // namespace podman_bootc
