#include "graphrun/kernel/op_def.h"

#include <algorithm>

namespace graphrun {

std::string to_string(const ValueType& type) {
  std::string text = std::string(to_string(type.dtype)) + " (";
  for (std::size_t axis = 0; axis < type.shape.size(); ++axis) {
    text += (axis > 0 ? ", " : "") + to_string(type.shape[axis]);
  }
  return text + ")";
}

std::string to_string(const OperandType& type) {
  const std::string dtype(to_string(type.dtype));
  switch (type.kind) {
    case OperandType::Kind::activation:
      return "an activation";
    case OperandType::Kind::nhwc:
      return dtype + " (N, C, H, W) in NHWC";
    case OperandType::Kind::dense:
      if (type.rank == 0) return "a scalar of " + dtype;
      return "dense " + dtype + (type.rank < 0 ? "" : " of rank " + std::to_string(type.rank));
    case OperandType::Kind::real:
      return "f32 or bf16";
    case OperandType::Kind::same_as:
      return "the type of input " + std::to_string(type.input);
    case OperandType::Kind::any:
      return "any value";
  }
  return "?";
}

int OpDef::input_index(std::string_view wanted) const {
  const auto found = std::ranges::find(inputs, wanted, &InputSpec::name);
  return found == inputs.end() ? -1 : static_cast<int>(found - inputs.begin());
}

int OpDef::output_index(std::string_view wanted) const {
  const auto found = std::ranges::find(outputs, wanted, &OutputSpec::name);
  return found == outputs.end() ? -1 : static_cast<int>(found - outputs.begin());
}

const Node* sole_producer(const GraphReader& graph, ValueId value, std::string_view op) {
  const Node* node = graph.producer(value);
  return node != nullptr && node->op == op && graph.readers(value).size() == 1 ? node : nullptr;
}

OpRegistry::OpRegistry(std::vector<const OpDef*> defs) : defs_(std::move(defs)) {
  std::ranges::sort(defs_, {}, [](const OpDef* def) { return def->name; });
}

const OpDef* OpRegistry::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(defs_, name, {}, [](const OpDef* def) { return def->name; });
  return found != defs_.end() && (*found)->name == name ? *found : nullptr;
}

const OpDef* OpRegistry::find(OpRole role) const {
  const auto found = std::ranges::find(defs_, role, &OpDef::role);
  return found != defs_.end() ? *found : nullptr;
}

Status require_equal(const Dim& expected, const Dim& actual, std::string_view what) {
  if (expected == actual) return {};
  std::string message =
      std::string(what) + ": expected " + to_string(expected) + ", got " + to_string(actual);
  // Sizes of images, such as that of a skip connection and twice the half of it.
  const bool is_size = what.starts_with("height") || what.starts_with("width");
  if (is_size && !expected.is_constant() && !actual.is_constant())
    message += ", which is not the same for every size: resize with \"like\" brings one to the other's";
  return {ErrorCode::shape, std::move(message)};
}

double element_count(const ValueType& type) {
  double count = 1;
  for (const Dim& extent : type.shape) count *= static_cast<double>(extent.constant());
  return count;
}

}  // namespace graphrun
