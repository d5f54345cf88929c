#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "graphrun/kernel/kernel.h"
#include "graphrun/kernel/op_def.h"
#include "graphrun/op_libraries.h"

// Ops and kernels that somebody brings: graphrun's own, a program's, or those of a shared object
// (op_module.h).
namespace graphrun {

// Plain data that lives as long as any registry, backend or program that knows it:
//
//   const OpDef* const kOps[] = {&swish, &swish_grad};
//   const KernelEntry kKernels[] = {{"swish", "plain", prepare_swish, "cpu"}, ...};
//   const OpLibrary library{.name = "activations", .ops = kOps, .kernels = kKernels};
struct OpLibrary {
  // Models that use its ops name it: whoever opens one without it is told which is missing. Not kOwnOps.
  std::string_view name;
  std::span<const OpDef* const> ops;
  // Kernels for these ops and for any other; asked before those that a backend has of its own.
  std::span<const KernelEntry> kernels{};
  // The version, for whoever reads messages; models keep it beside the name. May be empty.
  std::string_view version{};
};

// The name of the library that graphrun's own ops are.
inline constexpr std::string_view kOwnOps = "graphrun";

// A library that its caller keeps alive.
inline std::shared_ptr<const OpLibrary> borrow(const OpLibrary& library) {
  return {std::shared_ptr<const OpLibrary>(), &library};
}

}  // namespace graphrun
