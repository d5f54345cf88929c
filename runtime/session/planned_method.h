#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "runtime/collective/communicator.h"
#include "runtime/session/dims.h"
#include "runtime/session/lower.h"
#include "runtime/session/method_plan.h"
#include "runtime/session/rematerialisation.h"

namespace graphrun::session {

// Communicators that sum over ranks what OutputSpec::reduction marks, on the outputs' device, before any
// other node reads them. Null: no reduction, they stay this rank's own.
struct Reductions {
  std::shared_ptr<collective::Communicator> batch_statistics;
  std::shared_ptr<collective::Communicator> loss;
};

struct MethodOptions {
  // Extents of the inputs by name, in the logical order of the model: (1, 3, 480, 480) of an image. An input
  // may be missing where the others give its extents.
  InputShapes input_shapes;
  bool constant_weights = false;
  bool fuse = true;
  // How activations are stored: f32, bf16, or s8: 8 bits where the weights say how and the device has kernels
  // else what that device computes in best.
  DType precision = DType::f32;
  // The output of this name is taken before the resize that makes it, where one does (LowerOptions).
  std::string low_res_logits;
  // Gives at least so many bytes for activations; empty: the method gets its own. Methods may share memory
  // where one runs at a time: inputs and outputs then do not survive the run of another.
  std::function<Result<std::shared_ptr<model::Buffer>>(std::int64_t bytes)> arena;
  // The arena may have so many bytes where that saves recomputations; otherwise it is as small as may be.
  std::int64_t arena_budget = 0;
  // In s8: what is stored in 8 bits, a part of what the weights have so. Null: nothing.
  const weights::QuantisedValues* quantised = nullptr;
  // Bytes that tables of its kernels may take; more is refused before they are built.
  std::int64_t max_table_bytes = std::numeric_limits<std::int64_t>::max();
  Reductions reductions;
  // Bound instead of the program's method of that name; null: none. Lives until that is bound.
  const model::Method* method = nullptr;
};

// What a method takes when it is bound.
struct MemoryRequirements {
  std::int64_t arena_bytes = 0;
  std::int64_t value_bytes = 0;  // of an arena without the kernels' scratch, if asked for
  std::int64_t table_bytes = 0;  // of the method's own kernels
  double operations = 0;         // of a run (LoweredNode::operations)
  // Forms of the weights that kernels prepare, by key: methods that have a key in common share the form.
  std::map<std::string, std::int64_t> packed_bytes;
  std::map<std::string, TensorDesc, std::less<>> outputs;
};

// A method with its kernels, and the places of its values in an arena: all of a session but its memory.
struct PlannedMethod {
  const model::Method* method = nullptr;  // the program's, or MethodOptions::method
  LoweredMethod lowered;
  std::vector<std::int32_t> variables;  // variables_of()
  MethodPlan plan;
  Rematerialisations rematerialisations;
};

// Takes no memory of the device but the kernels' tables. Errors: a method that the program has not, sizes
// that its requirements refuse, a node that no kernel takes.
Result<PlannedMethod> prepare_method(const model::Program& program, std::string_view method,
                                     const model::Backend& backend, const MethodOptions& options);

// With `values`, MemoryRequirements::value_bytes too.
Result<MemoryRequirements> requirements_of(const PlannedMethod& planned, bool values);

// Identifies what a node's kernel prepares from constants.
std::string packed_key(const LoweredMethod& lowered, const LoweredNode& node);

}  // namespace graphrun::session
