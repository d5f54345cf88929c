#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "graphrun/kernel/kernel.h"
#include "graphrun/kernel/op_def.h"

// Ops and kernels that somebody brings: graphrun's own, a program's, or those of a shared object
// (op_module.h).
namespace graphrun {

// Plain data that lives as long as any registry, backend or program that knows it:
//
//   const OpDef* const kOps[] = {&swish, &swish_grad};
//   const KernelEntry kKernels[] = {{"swish", "plain", prepare_swish, "cpu"}, ...};
//   const OpLibrary library{.name = "activations", .ops = kOps, .kernels = kKernels};
struct OpLibrary {
  std::string_view name;
  std::span<const OpDef* const> ops;
  // For these ops and for any other; asked before those that a backend has of its own.
  std::span<const KernelEntry> kernels{};
};
using OpLibraries = std::vector<std::shared_ptr<const OpLibrary>>;

// A library that its caller keeps alive.
inline std::shared_ptr<const OpLibrary> borrow(const OpLibrary& library) {
  return {std::shared_ptr<const OpLibrary>(), &library};
}

}  // namespace graphrun
