#include "ops/cpu_training.h"

#include <vector>

#define GRAPHRUN_OPS(room)                         \
  namespace graphrun::ops::room {                  \
  std::vector<KernelEntry> cpu_training_kernels(); \
  }
#include "ops/cpu_training_list.inc"
#undef GRAPHRUN_OPS

namespace graphrun::ops {
namespace {

const OpLibrary& training_kernels() {
  static const std::vector<KernelEntry> kernels = [] {
    std::vector<KernelEntry> all;
    const auto take = [&all](std::vector<KernelEntry> more) {
      all.insert(all.end(), more.begin(), more.end());
    };
#define GRAPHRUN_OPS(room) take(ops::room::cpu_training_kernels());
#include "ops/cpu_training_list.inc"
#undef GRAPHRUN_OPS
    for (KernelEntry& entry : all) entry.device = "cpu";
    return all;
  }();
  static const OpLibrary library{.name = kOwnOps, .ops = {}, .kernels = kernels};
  return library;
}

}  // namespace

OpLibraries with_training_kernels(OpLibraries libraries) {
  libraries.push_back(borrow(training_kernels()));
  return libraries;
}

}  // namespace graphrun::ops
