#include "tests/api/failing_new.h"

#include <dlfcn.h>
#include <omp.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace graphrun::test {
namespace {

struct Plan {
  bool active = false;
  bool all_later = false;
  bool failed = false;
  std::int64_t left = 0;  // allocations that succeed before one fails
};
thread_local Plan plan;

bool is_onednn(const void* caller) {
  Dl_info module{};
  return dladdr(caller, &module) != 0 && std::strstr(module.dli_fname, "libdnnl") != nullptr;
}

bool fails(const void* caller) {
  if (!plan.active || omp_get_level() > 0 || is_onednn(caller)) return false;
  if (plan.left > 0) {
    --plan.left;
    return false;
  }
  if (plan.failed && !plan.all_later) return false;
  plan.failed = true;
  return true;
}

void* allocate(std::size_t size, std::size_t alignment, const void* caller) {
  if (fails(caller)) return nullptr;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  return std::aligned_alloc(alignment, rounded);
}

void* checked(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

FailingNew::FailingNew(std::int64_t number, bool all_later) { plan = {true, all_later, false, number}; }
FailingNew::~FailingNew() { plan.active = false; }
bool FailingNew::has_failed() const { return plan.failed; }

}  // namespace graphrun::test

namespace test = graphrun::test;

void* operator new(std::size_t size) {
  return test::checked(test::allocate(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__, __builtin_return_address(0)));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return test::checked(
      test::allocate(size, static_cast<std::size_t>(alignment), __builtin_return_address(0)));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return test::allocate(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__, __builtin_return_address(0));
}
// The array forms of the standard library call these.
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
