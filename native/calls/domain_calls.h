#pragma once

#include <functional>
#include <string>
#include <tuple>
#include <utility>

#include "calls/calls.h"

namespace podman_bootc {

// How an argument of one of libvirt's functions is read from JavaScript, and kept until the call is made.
template <typename T>
struct Held;

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

// A string that may be NULL, to the functions that take one.
struct OptionalText {
  const char* text;
};

template <>
struct Held<OptionalText> {
  OptionalString value;
  static Held Read(Arguments& arguments) { return {arguments.StringOrUndefined()}; }
  OptionalText get() const { return {value.get()}; }
};

// Not deduced from an argument: what is given may be any callable.
template <typename T, typename... Parameters>
struct DomainFunction {
  using Type = std::function<bool(T&, virDomainPtr, Parameters...)>;
};

// (domain, the Parameters…, id) => Promise<T>. `run` fills in the T that `convert` reads.
template <typename T, typename... Parameters>
Napi::Value StartOnDomain(const Napi::CallbackInfo& info, const char* api,
                          typename DomainFunction<T, Parameters...>::Type run,
                          typename Call<T>::ConvertFunction convert) {
  Arguments arguments(info);
  auto domain = arguments.Domain();
  // Braces make the order of evaluation that of the parameters.
  std::tuple<Held<Parameters>...> held{Held<Parameters>::Read(arguments)...};
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<T>(
      info, id, api, domain->connection(),
      [domain, run, held](T& result) {
        return std::apply([&](const auto&... each) { return run(result, domain->get(), each.get()...); },
                          held);
      },
      std::move(convert));
}

// For a function of ours, which tells what it takes.
template <typename T, typename... Parameters>
Napi::Value OnDomain(const Napi::CallbackInfo& info, const char* api,
                     bool (*function)(T&, virDomainPtr, Parameters...),
                     typename Call<T>::ConvertFunction convert) {
  return StartOnDomain<T, Parameters...>(info, api, function, std::move(convert));
}

// For functions of libvirt's: one that only succeeds or fails, …
template <typename... Parameters>
Napi::Value Act(const Napi::CallbackInfo& info, const char* api,
                int (*function)(virDomainPtr, Parameters...)) {
  return StartOnDomain<Nothing, Parameters...>(
      info, api,
      [function](Nothing&, virDomainPtr domain, Parameters... each) {
        return function(domain, each...) >= 0;
      },
      ToUndefined);
}

// … one that answers with a number that is not negative, …
template <typename... Parameters>
Napi::Value Ask(const Napi::CallbackInfo& info, const char* api, int (*function)(virDomainPtr, Parameters...),
                typename Call<int>::ConvertFunction convert) {
  return StartOnDomain<int, Parameters...>(
      info, api,
      [function](int& answer, virDomainPtr domain, Parameters... each) {
        return (answer = function(domain, each...)) >= 0;
      },
      std::move(convert));
}

// … and one that answers with a text.
template <typename... Parameters>
Napi::Value GetText(const Napi::CallbackInfo& info, const char* api,
                    char* (*function)(virDomainPtr, Parameters...)) {
  return StartOnDomain<std::string, Parameters...>(
      info, api,
      [function](std::string& text, virDomainPtr domain, Parameters... each) {
        return TakeString(function(domain, each...), text);
      },
      StringToValue);
}

}  // namespace podman_bootc
