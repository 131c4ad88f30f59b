#pragma once

#include <libvirt/libvirt.h>

#include <cstdlib>
#include <memory>

namespace podman_bootc {

// What libvirt gave us to free with `function`. It is freed also when memory runs out before something else
// has taken it over.
template <auto function>
struct Freer {
  template <typename T>
  void operator()(T* pointer) const {
    function(pointer);
  }
};
template <typename T, auto function>
using Owned = std::unique_ptr<T, Freer<function>>;

inline void FreeMemory(void* memory) { std::free(memory); }
using OwnedText = Owned<char, FreeMemory>;

// An array of libvirt's, in memory of its own, with elements that are freed with `function`.
template <typename T, auto function>
class OwnedList {
 public:
  OwnedList(T** list, int count) : list_(list), count_(count) {}
  ~OwnedList() {
    for (int i = 0; i < count_; i++)
      if (list_[i] != nullptr) function(list_[i]);
    std::free(list_);
  }
  OwnedList(const OwnedList&) = delete;
  OwnedList& operator=(const OwnedList&) = delete;

  int size() const { return count_; }
  T* operator[](int index) const { return list_[index]; }
  // For an element that something else takes over.
  Owned<T, function> Take(int index) {
    T* taken = list_[index];
    list_[index] = nullptr;
    return Owned<T, function>(taken);
  }

 private:
  T** const list_;
  const int count_;
};

// An array of parameters that libvirt allocated.
class OwnedParameters {
 public:
  OwnedParameters(virTypedParameterPtr parameters, int count) : parameters_(parameters), count_(count) {}
  ~OwnedParameters() { virTypedParamsFree(parameters_, count_); }
  OwnedParameters(const OwnedParameters&) = delete;
  OwnedParameters& operator=(const OwnedParameters&) = delete;

 private:
  const virTypedParameterPtr parameters_;
  const int count_;
};

}  // namespace podman_bootc
