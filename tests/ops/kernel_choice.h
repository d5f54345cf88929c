#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "graphrun/dtype.h"

// Which kernels a case was written for. The harness runs every kernel that takes a case; without a statement
// nobody would notice that the one that is meant has begun to decline.
namespace graphrun::model {
class Backend;
}
namespace graphrun::test {

struct Case;
struct CaseData;

// Holds for the requests that its fields describe. A field that is left out describes them all. What is said
// of bf16 alone holds where the CPU has instructions for it.
struct KernelChoice {
  std::string_view device = "cpu";  // "cpu" or "cuda"
  std::optional<DType> type{};      // of activations
  std::optional<bool> constant{};   // whether variables stay as they are (KernelRequest::input_constant)
  // The first is the one that a session gets, the others take the case too. None: every kernel declines.
  std::vector<std::string_view> names{};
};

// Reports what differs from Case::kernels. Where the CPU has several kernels for the op, each request must be
// described there.
void check_choice(model::Backend& backend, const Case& test, const CaseData& data);

// What must become of the case in bf16 (`narrow`, every kernel of which was asked): taken by the CPU, where
// it has instructions for bf16 or the kernels do without, unless the op has no such kernel there.
void check_bf16(const model::Backend& backend, const Case& narrow, bool taken);

}  // namespace graphrun::test
