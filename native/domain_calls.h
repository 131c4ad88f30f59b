#pragma once

#include <string>
#include <tuple>

#include "calls.h"

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

// (domain, what the function takes…, id) => Promise<undefined>
template <typename... Parameters>
Napi::Value Act(const Napi::CallbackInfo& info, const char* api,
                int (*function)(virDomainPtr, Parameters...)) {
  Arguments arguments(info);
  auto domain = arguments.Domain();
  // Braces make the order of evaluation that of the parameters.
  std::tuple<Held<Parameters>...> held{Held<Parameters>::Read(arguments)...};
  uint32_t id = arguments.Unsigned();
  if (!arguments.ok()) return Napi::Value();
  return StartCall<Nothing>(
      info, id, api, domain->connection(),
      [domain, function, held](Nothing&) {
        return std::apply([&](const auto&... each) { return function(domain->get(), each.get()...) >= 0; },
                          held);
      },
      ToUndefined);
}

}  // namespace podman_bootc
