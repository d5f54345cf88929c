#include "exchange/from_onnx/step_graph.h"

#include <algorithm>

namespace graphrun::exchange::from_onnx {
namespace {

std::optional<Number> symbol(std::string_view name) { return Number(Dim::symbol(name)); }

}  // namespace

Constant StepGraph::keep(onnx::Tensor tensor) {
  if (const auto* own = std::get_if<std::vector<std::byte>>(&tensor.content)) count(own->size());
  return &kept_.emplace_back(std::move(tensor));
}

Status StepGraph::check_memory() const {
  if (bytes_left_ >= 0) return {};
  return {ErrorCode::invalid_file, "the graph's nodes have more weights than its file could hold"};
}

StepValue StepGraph::add_input(ValueType type) {
  types_.push_back(std::move(type));
  inputs.push_back(static_cast<StepValue>(types_.size() - 1));
  return inputs.back();
}

Result<StepValue> StepGraph::add(Step step) {
  GRAPHRUN_ASSIGN(const OpDef* const def, model::find_op(*ops_, step.op));
  step.inputs.resize(std::max(step.inputs.size(), def->inputs.size()), kNoStepValue);
  std::vector<ValueType> of_variables(step.inputs.size());
  std::vector<const ValueType*> types;
  Node node{step.path, step.op, step.attrs, {}, {}};
  for (const StepValue value : step.inputs) {
    node.inputs.push_back(value);
    types.push_back(value == kNoStepValue ? nullptr : &type(value));
  }
  for (const StepVariable& variable : step.variables) {
    const std::vector<std::int64_t>& dims = variable.tensor->dims;
    std::vector<Dim> shape(dims.begin(), dims.end());
    count(variable.tensor->bytes().size());
    of_variables[variable.input] = ValueType::dense(DType::f32, std::move(shape));
    types[variable.input] = &of_variables[variable.input];
    node.inputs[variable.input] =
        static_cast<ValueId>(types_.size());  // any: only whether there is one counts
  }
  GRAPHRUN_TRY(check_memory());
  node.outputs.assign(def->outputs.size(), kNoValue);
  node.outputs[0] = static_cast<ValueId>(types_.size());
  GRAPHRUN_ASSIGN(model::ResolvedNode resolved, model::resolve(node, *ops_, types, symbol));
  GRAPHRUN_TRY(extents_.charge(resolved.outputs));
  step.output = static_cast<StepValue>(types_.size());
  types_.push_back(std::move(resolved.outputs[0]));
  steps_.push_back(std::move(step));
  return steps_.back().output;
}

std::vector<int> StepGraph::uses() const {
  std::vector<int> count(types_.size());
  const auto use = [&count](StepValue value) {
    if (value != kNoStepValue) ++count[static_cast<std::size_t>(value)];
  };
  for (const Step& step : steps_) {
    for (const StepValue value : step.inputs) use(value);
  }
  for (const StepValue value : outputs) use(value);
  return count;
}

}  // namespace graphrun::exchange::from_onnx
