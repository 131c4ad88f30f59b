#pragma once

#include <libvirt/libvirt.h>

#include <memory>
#include <string>
#include <vector>

#include "calls/calls.h"
#include "runtime/object_handle.h"

// The calls that pools, volumes and networks have in common. `Handle` is an ObjectHandle; the functions are
// libvirt's.

namespace podman_bootc {

template <typename Handle>
bool TakeObject(const std::shared_ptr<ConnectionHandle>& connection, typename Handle::Pointer pointer,
                std::shared_ptr<Handle>& result) {
  if (pointer == nullptr) return false;
  result = std::make_shared<Handle>(connection, typename Handle::Owner(pointer));
  return true;
}

template <typename Handle>
Napi::Value ObjectToValue(Napi::Env env, std::shared_ptr<Handle>& object) {
  return Handle::ToObject(env, object);
}

// Takes over what libvirt's functions for listing allocated.
template <typename Handle>
void TakeObjects(const std::shared_ptr<ConnectionHandle>& connection, typename Handle::Pointer* list,
                 int count, std::vector<std::shared_ptr<Handle>>& result) {
  typename Handle::Owners owners(list, count);
  for (int i = 0; i < count; i++) result.push_back(std::make_shared<Handle>(connection, owners.Take(i)));
}

template <typename Handle>
Napi::Value ObjectsToValue(Napi::Env env, std::vector<std::shared_ptr<Handle>>& objects) {
  Napi::Array array = Napi::Array::New(env, objects.size());
  for (uint32_t i = 0; i < objects.size(); i++) array.Set(i, Handle::ToObject(env, objects[i]));
  return array;
}

// (handle) => undefined. Calls in flight keep the reference until they end.
template <typename Handle>
Napi::Value CloseObject(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto* box = arguments.Box<Handle>();
  if (box != nullptr) box->state.reset();
  return info.Env().Undefined();
}

// (connection, flags, id) => Promise<object[]>
template <typename Handle, int (*function)(virConnectPtr, typename Handle::Pointer**, unsigned int)>
Napi::Value ListObjects(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto connection = arguments.Connection();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::vector<std::shared_ptr<Handle>>>(
      info, id, api, connection,
      [connection, flags](std::vector<std::shared_ptr<Handle>>& objects) {
        typename Handle::Pointer* list = nullptr;
        int count = function(connection->get(), &list, flags);
        if (count >= 0) TakeObjects(connection, list, count, objects);
        return count >= 0;
      },
      ObjectsToValue<Handle>);
}

// (connection, key, id) => Promise<object>
template <typename Handle, typename Handle::Pointer (*function)(virConnectPtr, const char*)>
Napi::Value LookupObject(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto connection = arguments.Connection();
  std::string key = arguments.String();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::shared_ptr<Handle>>(
      info, id, api, connection,
      [connection, key](std::shared_ptr<Handle>& object) {
        return TakeObject(connection, function(connection->get(), key.c_str()), object);
      },
      ObjectToValue<Handle>);
}

// (connection, xml, flags, id) => Promise<object>
template <typename Handle, typename Handle::Pointer (*function)(virConnectPtr, const char*, unsigned int)>
Napi::Value MakeObject(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto connection = arguments.Connection();
  std::string xml = arguments.String();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::shared_ptr<Handle>>(
      info, id, api, connection,
      [connection, xml, flags](std::shared_ptr<Handle>& object) {
        return TakeObject(connection, function(connection->get(), xml.c_str(), flags), object);
      },
      ObjectToValue<Handle>);
}

// (handle, flags, id) => Promise<undefined>
template <typename Handle, int (*function)(typename Handle::Pointer, unsigned int)>
Napi::Value ActOnObject(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto object = arguments.Object<Handle>();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<Nothing>(
      info, id, api, object->connection(),
      [object, flags](Nothing&) { return function(object->get(), flags) == 0; }, ToUndefined);
}

// (handle, id) => Promise<undefined>
template <typename Handle, int (*function)(typename Handle::Pointer)>
Napi::Value ActOnObject(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto object = arguments.Object<Handle>();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<Nothing>(
      info, id, api, object->connection(), [object](Nothing&) { return function(object->get()) == 0; },
      ToUndefined);
}

// (handle, id) => Promise<boolean>
template <typename Handle, int (*function)(typename Handle::Pointer)>
Napi::Value AskObject(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto object = arguments.Object<Handle>();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<int>(
      info, id, api, object->connection(),
      [object](int& answer) { return (answer = function(object->get())) >= 0; }, IntToBoolean);
}

// (handle, id) => Promise<boolean>
template <typename Handle, int (*function)(typename Handle::Pointer, int*)>
Napi::Value GetAutostartOf(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto object = arguments.Object<Handle>();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<int>(
      info, id, api, object->connection(),
      [object](int& answer) { return function(object->get(), &answer) == 0; }, IntToBoolean);
}

// (handle, autostart, id) => Promise<undefined>
template <typename Handle, int (*function)(typename Handle::Pointer, int)>
Napi::Value SetAutostartOf(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto object = arguments.Object<Handle>();
  bool autostart = arguments.Boolean();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<Nothing>(
      info, id, api, object->connection(),
      [object, autostart](Nothing&) { return function(object->get(), autostart ? 1 : 0) == 0; }, ToUndefined);
}

// (handle, flags, id) => Promise<string>
template <typename Handle, char* (*function)(typename Handle::Pointer, unsigned int)>
Napi::Value GetXmlOf(const Napi::CallbackInfo& info, const char* api) {
  Arguments arguments(info);
  auto object = arguments.Object<Handle>();
  uint32_t flags = arguments.Unsigned();
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<std::string>(
      info, id, api, object->connection(),
      [object, flags](std::string& xml) { return TakeString(function(object->get(), flags), xml); },
      StringToValue);
}

}  // namespace podman_bootc
