#pragma once

#include <libvirt/libvirt.h>
#include <napi.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/arguments.h"
#include "runtime/object_handle.h"
#include "runtime/task.h"

// How a function of libvirt's becomes one of the addon's. Each takes a handle, the arguments, and the number
// of the call; the types of the C function say how they are read. The templates at the end say what is made
// of its answer.

namespace podman_bootc {

// A function of the addon. `api` is the C function that it stands for; null where it names it itself.
struct Entry {
  const char* name;
  const char* api;
  Napi::Value (*function)(const Napi::CallbackInfo& info, const char* api);
};
using Entries = std::initializer_list<Entry>;

// One of each file.
extern const Entries kConnectionEntries;
extern const Entries kDomainEntries;
extern const Entries kDomainBlockEntries;
extern const Entries kDomainEventEntries;
extern const Entries kDomainGuestEntries;
extern const Entries kDomainSnapshotEntries;
extern const Entries kDomainStatisticsEntries;
extern const Entries kFileLockEntries;
extern const Entries kNetworkEntries;
extern const Entries kStoragePoolEntries;
extern const Entries kStorageVolumeEntries;
extern const Entries kStreamEntries;

// What a call comes to, on the executor. The functions take what libvirt's functions return, and say whether
// the call succeeded; the reason of a failure is copied at once, because freeing anything clears libvirt's
// last error.
struct Answer {
  const char* api;
  // Null for a call on nothing.
  const std::shared_ptr<ConnectionHandle>& connection;
  Value value;
  Failure failure;

  bool Give(Value result) {
    value = std::move(result);
    return true;
  }
  bool Check(bool succeeded) {
    if (!succeeded) failure = LastFailure(api);
    return succeeded;
  }
  bool Done(int result) { return Check(result >= 0); }
  bool Truth(int result) { return Done(result) && Give(result == 1); }
  bool Number(int result) { return Done(result) && Give(result); }
  bool Text(char* text) {
    OwnedText owned(text);
    return Check(text != nullptr) && Give(text);
  }
  template <typename Pointer>
  bool Object(Pointer pointer) {
    typename ObjectHandle<Pointer>::Owner owner(pointer);
    return Check(pointer != nullptr) && Give(ObjectHandle<Pointer>::Refer(connection, std::move(owner)));
  }
};

class Call final : public Task {
 public:
  using RunFunction = std::function<bool(Answer&)>;

  Call(const char* api, std::shared_ptr<ConnectionHandle> connection, RunFunction run)
      : Task(api, std::move(connection)), run_(std::move(run)) {}

 protected:
  bool Run(Failure* failure) override {
    Answer answer{api_, connection_, Value(), Failure()};
    bool succeeded = run_(answer);
    value_ = std::move(answer.value);
    *failure = std::move(answer.failure);
    return succeeded;
  }
  Napi::Value Result(Napi::Env env) override { return value_.For(env); }

 private:
  const RunFunction run_;
  Value value_;
};

// How an argument of one of libvirt's functions is read from JavaScript, and kept until the call is made. Of
// a pointer that is no text: by its handle.
template <typename Pointer>
struct Held {
  using Handle =
      std::conditional_t<std::is_same_v<Pointer, virConnectPtr>, ConnectionHandle, ObjectHandle<Pointer>>;
  std::shared_ptr<Handle> handle;
  static Held Read(Arguments& arguments) { return {arguments.Object<Handle>()}; }
  Pointer get() const { return handle->get(); }
};

template <>
struct Held<const char*> {
  std::string value;
  static Held Read(Arguments& arguments) { return {arguments.String()}; }
  const char* get() const { return value.c_str(); }
};

template <>
struct Held<int> {
  int value;
  static Held Read(Arguments& arguments) { return {arguments.Integer()}; }
  int get() const { return value; }
};

template <>
struct Held<unsigned int> {
  unsigned int value;
  static Held Read(Arguments& arguments) { return {arguments.Unsigned()}; }
  unsigned int get() const { return value; }
};

template <>
struct Held<unsigned long> {
  unsigned long value;
  static Held Read(Arguments& arguments) { return {static_cast<unsigned long>(arguments.Size())}; }
  unsigned long get() const { return value; }
};

template <>
struct Held<unsigned long long> {
  unsigned long long value;
  static Held Read(Arguments& arguments) { return {arguments.Size()}; }
  unsigned long long get() const { return value; }
};

// A text that may be NULL, to the functions of ours that take one.
struct OptionalText {
  const char* text;
};

template <>
struct Held<OptionalText> {
  OptionalString value;
  static Held Read(Arguments& arguments) { return {arguments.StringOrUndefined()}; }
  OptionalText get() const { return {value.get()}; }
};

template <>
struct Held<std::vector<unsigned int>> {
  std::vector<unsigned int> value;
  static Held Read(Arguments& arguments) { return {arguments.UnsignedList()}; }
  const std::vector<unsigned int>& get() const { return value; }
};

// (the Parameters…, id) => Promise<what `run` answers>. The first of the Parameters says on which connection.
template <typename... Parameters, typename Run>
Napi::Value StartCall(const Napi::CallbackInfo& info, const char* api, Run run) {
  Arguments arguments(info);
  // Braces make the order of evaluation that of the parameters.
  std::tuple<Held<Parameters>...> held{Held<Parameters>::Read(arguments)...};
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  std::shared_ptr<ConnectionHandle> connection;
  if constexpr (sizeof...(Parameters) > 0) connection = std::get<0>(held).handle->connection();
  auto call =
      std::make_shared<Call>(api, std::move(connection), [run, held = std::move(held)](Answer& answer) {
        return std::apply([&](const auto&... each) { return run(answer, each.get()...); }, held);
      });
  return call->Start(Environment::Of(info.Env()), id);
}

// A function of ours, which makes the answer itself, …
template <auto function>
struct OursOf;
template <typename... Parameters, bool (*function)(Answer&, Parameters...)>
struct OursOf<function> {
  static Napi::Value Start(const Napi::CallbackInfo& info, const char* api) {
    return StartCall<Parameters...>(info, api, function);
  }
};
template <auto function>
constexpr auto Run = OursOf<function>::Start;

// … or one of libvirt's, whose result is given to a function of the answer: …
template <auto take, auto function>
struct TheirsOf;
template <typename Result, bool (Answer::*take)(Result), typename... Parameters,
          Result (*function)(Parameters...)>
struct TheirsOf<take, function> {
  static Napi::Value Start(const Napi::CallbackInfo& info, const char* api) {
    return StartCall<Parameters...>(
        info, api, [](Answer& answer, Parameters... each) { return (answer.*take)(function(each...)); });
  }
};

// … one that only succeeds or fails, …
template <auto function>
constexpr auto Act = TheirsOf<&Answer::Done, function>::Start;
// … that says yes or no, …
template <auto function>
constexpr auto Ask = TheirsOf<&Answer::Truth, function>::Start;
// … that answers with a number that is not negative, …
template <auto function>
constexpr auto Count = TheirsOf<&Answer::Number, function>::Start;
// … with a text, …
template <auto function>
constexpr auto GetText = TheirsOf<&Answer::Text, function>::Start;

template <typename Result, typename... Parameters>
Result ResultOf(Result (*)(Parameters...));
// … with a reference, …
template <auto function>
constexpr auto GetObject = TheirsOf<&Answer::Object<decltype(ResultOf(function))>, function>::Start;

template <auto function>
struct FlagOf;
template <typename Pointer, int (*function)(Pointer, int*)>
struct FlagOf<function> {
  static bool Read(Answer& answer, Pointer pointer) {
    int flag = 0;
    return answer.Done(function(pointer, &flag)) && answer.Give(flag == 1);
  }
};
// … that says yes or no in what its argument points to, …
template <auto function>
constexpr auto GetFlag = Run<FlagOf<function>::Read>;

template <auto function>
struct ListOf;
template <typename Owner, typename Pointer, int (*function)(Owner, Pointer**, unsigned int)>
struct ListOf<function> {
  static bool Read(Answer& answer, Owner owner, unsigned int flags) {
    Pointer* list = nullptr;
    int count = function(owner, &list, flags);
    if (!answer.Done(count)) return false;
    typename ObjectHandle<Pointer>::Owners owned(list, count);
    Value::List objects;
    for (int i = 0; i < count; i++)
      objects.push_back(ObjectHandle<Pointer>::Refer(answer.connection, owned.Take(i)));
    return answer.Give(std::move(objects));
  }
};
// … and that lists references.
template <auto function>
constexpr auto ListObjects = Run<ListOf<function>::Read>;

// (handle) => undefined. Calls in flight keep the reference until they end.
template <typename Pointer>
Napi::Value Close(const Napi::CallbackInfo& info, const char*) {
  auto* box = Arguments(info).Box<ObjectHandle<Pointer>>();
  if (box != nullptr) box->state.reset();
  return info.Env().Undefined();
}

}  // namespace podman_bootc
