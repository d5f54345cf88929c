#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "exchange/onnx/model.h"
#include "graphrun/kernel/op_def.h"
#include "graphrun/status.h"
#include "runtime/model/resolve.h"

namespace graphrun::exchange::from_onnx {

// A value of the graph that is made: of an input, or of a step.
using StepValue = std::int32_t;
inline constexpr StepValue kNoStepValue = -1;

using Constant = const onnx::Tensor*;  // of the ONNX model, or kept by the graph

// A tensor that a step brings along, by the op's input.
struct StepVariable {
  std::size_t input = 0;
  Constant tensor;  // f32
};

// A node of the graph file: an op of graphrun.
struct Step {
  std::string op;
  std::string path;  // where it has variables: unique
  AttrMap attrs;
  std::vector<StepValue> inputs;  // by input of the op; kNoStepValue where absent or a variable
  std::vector<StepVariable> variables;
  StepValue output = kNoStepValue;
};

// The graph file while it is made. Steps are in an order in which they can run.
class StepGraph {
 public:
  // The ops must outlive the graph. `max_bytes`: what variables and lists of integers may take together, each
  // step's counted anew: a file could give one tensor to every node.
  StepGraph(const OpRegistry& ops, std::int64_t max_bytes) : ops_(&ops), bytes_left_(max_bytes) {}

  // Memory that a value of the file's graph takes.
  void count(std::size_t bytes) { bytes_left_ -= static_cast<std::int64_t>(bytes); }
  // Error: more has been counted than there may be.
  Status check_memory() const;

  // A tensor that lives as long as the graph; what it owns counts as a variable's bytes.
  Constant keep(onnx::Tensor tensor);

  StepValue add_input(ValueType type);
  // Infers what the step gives, and appends it. Errors: operands that do not fit the op.
  Result<StepValue> add(Step step);

  const ValueType& type(StepValue value) const { return types_[static_cast<std::size_t>(value)]; }
  const OpDef& definition(const Step& step) const { return *ops_->find(step.op); }
  std::vector<Step>& steps() { return steps_; }
  const std::vector<Step>& steps() const { return steps_; }
  std::size_t value_count() const { return types_.size(); }
  // How often each value is read, outputs of the graph counted too.
  std::vector<int> uses() const;

  std::vector<StepValue> inputs;
  std::vector<StepValue> outputs;

 private:
  const OpRegistry* ops_;
  std::int64_t bytes_left_;
  std::deque<onnx::Tensor> kept_;
  model::ExtentBudget extents_;
  std::vector<ValueType> types_;  // by value
  std::vector<Step> steps_;
};

}  // namespace graphrun::exchange::from_onnx
