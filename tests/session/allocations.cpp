#include "tests/session/allocations.h"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace graphrun::test {
namespace {

std::atomic<std::int64_t> by_onednn{0};
std::atomic<std::int64_t> others{0};

void* counted(std::size_t size, std::size_t alignment, const void* caller) {
  Dl_info module{};
  const bool library = dladdr(caller, &module) != 0 && std::strstr(module.dli_fname, "libdnnl") != nullptr;
  ++(library ? by_onednn : others);
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  return std::aligned_alloc(alignment, rounded);
}

void* checked(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

std::atomic<std::int64_t> own_locks{0};

// Whether the address is in this program, where graphrun's libraries are linked.
bool is_own(const void* address) {
  Dl_info own{}, other{};
  return dladdr(reinterpret_cast<const void*>(&counted), &own) != 0 && dladdr(address, &other) != 0 &&
         own.dli_fbase == other.dli_fbase;
}

}  // namespace

std::int64_t locks() { return own_locks; }
Allocations allocations() { return {by_onednn, others}; }

}  // namespace graphrun::test

// The array forms of the standard library call these; its nothrow form may be a sanitizer's.
void* operator new(std::size_t size) {
  return graphrun::test::checked(
      graphrun::test::counted(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__, __builtin_return_address(0)));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return graphrun::test::checked(
      graphrun::test::counted(size, static_cast<std::size_t>(alignment), __builtin_return_address(0)));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return graphrun::test::counted(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__, __builtin_return_address(0));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  using Lock = int (*)(pthread_mutex_t*);
  static const auto lock = reinterpret_cast<Lock>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  if (graphrun::test::is_own(__builtin_return_address(0))) ++graphrun::test::own_locks;
  return lock(mutex);
}
