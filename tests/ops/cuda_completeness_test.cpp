#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>
#include <string>

#include "ops/cpu_backend.h"
#include "ops/cpu_training.h"
#include "ops/registry.h"

#define GRAPHRUN_OPS(room)                 \
  namespace graphrun::ops::room {          \
  std::vector<KernelEntry> cuda_kernels(); \
  }
#include "ops/op_list.inc"
#undef GRAPHRUN_OPS

namespace graphrun::test {
namespace {

std::set<std::string, std::less<>> ops_with_gpu_kernels() {
  std::set<std::string, std::less<>> names;
  const auto take = [&](const std::vector<KernelEntry>& entries) {
    for (const KernelEntry& entry : entries) names.emplace(entry.op);
  };
#define GRAPHRUN_OPS(room) take(ops::room::cuda_kernels());
#include "ops/op_list.inc"
#undef GRAPHRUN_OPS
  return names;
}

BOOST_AUTO_TEST_CASE(every_op_of_the_cpu_has_a_gpu_kernel) {
  const auto names = ops_with_gpu_kernels();
  const auto cpu = ops::make_cpu_backend(1, ops::with_training_kernels());
  BOOST_REQUIRE(cpu.ok());
  for (const OpDef* def : ops::op_registry().all()) {
    // A composite runs as its parts where it has no kernel.
    if ((*cpu)->candidates(def->name).empty() || def->decomposition) continue;
    BOOST_TEST(names.contains(def->name), "no GPU kernel for " << def->name);
  }
  for (const std::string& name : names) {
    BOOST_TEST((ops::op_registry().find(name) != nullptr), "a GPU kernel for what is no op: " << name);
  }
}

}  // namespace
}  // namespace graphrun::test
