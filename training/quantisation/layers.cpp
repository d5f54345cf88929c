#include "training/quantisation/layers.h"

#include <algorithm>
#include <numeric>
#include <span>

namespace graphrun::training {
namespace {

const model::Method& eval_of(const model::Program& program) {
  return *program.model().method(model::methods::kEval);
}

// What ActivationScales calls a value: the path of the node that gives it first, or an input's name.
std::string name_of(const model::Method& method, ValueId id) {
  const model::Value& value = method.values[static_cast<std::size_t>(id)];
  if (value.origin == model::Origin::input) return value.name;
  if (value.origin != model::Origin::node) return {};
  const Node& node = method.nodes[static_cast<std::size_t>(value.index)];
  return node.outputs[0] == id ? node.path : std::string();
}

std::int32_t variable_of(const model::Method& method, ValueId id) {
  if (id == kNoValue) return -1;
  const model::Value& value = method.values[static_cast<std::size_t>(id)];
  return value.origin == model::Origin::variable ? value.index : -1;
}

bool is_activation(const InputSpec& spec) {
  return spec.type.kind == OperandType::Kind::activation && !spec.shape_only;
}

// By the names of inputs, as value_check.h tells variances.
void find_correction(const OpDef& def, const model::Method& method, const Node& node, QuantisedLayer& layer) {
  std::int32_t mean = -1, bias = -1;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const std::string_view name = def.input(i).name;
    const std::int32_t variable = variable_of(method, node.inputs[i]);
    if (name == "mean" || name.ends_with("_mean")) mean = variable;
    if (name == "bias") bias = variable;
  }
  layer.correction = mean >= 0 ? mean : bias;
  layer.subtracted = mean >= 0;
}

// A set of values for each of which `parent` leads to the one that stands for all.
std::size_t root(std::vector<std::size_t>& parent, std::size_t i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}

// The values that a node with shares_scale joins.
std::vector<ValueId> joined_by(const OpDef& def, const Node& node) {
  std::vector<ValueId> values;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] != kNoValue && is_activation(def.input(i))) values.push_back(node.inputs[i]);
  }
  values.push_back(node.outputs[0]);
  return values;
}

std::vector<std::size_t> scale_sets(const model::Program& program) {
  const model::Method& method = eval_of(program);
  std::vector<std::size_t> parent(method.values.size());
  std::iota(parent.begin(), parent.end(), std::size_t{0});
  for (const Node& node : method.nodes) {
    const OpDef* const def = program.registry().find(node.op);
    if (!def->shares_scale) continue;
    const std::vector<ValueId> values = joined_by(*def, node);
    for (const ValueId id : values) {
      parent[root(parent, static_cast<std::size_t>(id))] =
          root(parent, static_cast<std::size_t>(values.front()));
    }
  }
  for (std::size_t i = 0; i < parent.size(); ++i) parent[i] = root(parent, i);
  return parent;
}

}  // namespace

std::vector<QuantisedLayer> find_layers(const model::Program& program, const model::Backend& backend) {
  const model::Method& method = eval_of(program);
  std::vector<QuantisedLayer> layers;
  for (const Node& node : method.nodes) {
    const OpDef& def = *program.registry().find(node.op);
    if (std::ranges::none_of(backend.candidates(node.op), &KernelEntry::eight_bits)) continue;
    QuantisedLayer layer{.path = node.path, .x = {}, .weight = 0};
    std::int64_t activations = 0;
    bool weight = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue) continue;
      if (is_activation(def.input(i)) && activations++ == 0) layer.x = name_of(method, node.inputs[i]);
      const std::int32_t variable = variable_of(method, node.inputs[i]);
      if (variable < 0 || weight) continue;
      const Shape& shape = program.variable_shape(static_cast<std::size_t>(variable));
      if (shape.rank() < 2) continue;
      weight = true;
      layer.weight = static_cast<std::size_t>(variable);
      layer.taps = shape.count() / (shape[0] * shape[1]);
    }
    if (!weight || layer.x.empty()) continue;
    if (!def.inputs.back().variadic) find_correction(def, method, node, layer);
    layers.push_back(std::move(layer));
  }
  return layers;
}

std::vector<std::size_t> unread_maps(const model::Program& program) {
  const std::vector<model::Variable>& variables = program.model().variables;
  std::vector<bool> read(variables.size(), false);
  for (const model::Value& value : eval_of(program).values) {
    if (value.origin == model::Origin::variable) read[static_cast<std::size_t>(value.index)] = true;
  }
  // Shorter rows would not be worth a scale each.
  constexpr std::int64_t kShortest = 16;
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Shape& shape = program.variable_shape(i);
    const bool map = variables[i].kind == VariableKind::parameter && shape.rank() >= 2;
    if (map && !read[i] && shape.count() >= kShortest * shape[0]) found.push_back(i);
  }
  return found;
}

std::map<std::string, std::string> shared_scales(const model::Program& program) {
  const model::Method& method = eval_of(program);
  const std::vector<std::size_t> sets = scale_sets(program);
  std::map<std::string, std::string> names;
  std::map<std::size_t, std::string> of_set;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const std::string name = name_of(method, static_cast<ValueId>(i));
    if (name.empty()) continue;
    names[name] = of_set.emplace(sets[i], name).first->second;
  }
  return names;
}

std::vector<std::string> wide_ends(const model::Program& program) {
  const model::Method& method = eval_of(program);
  const std::vector<std::size_t> sets = scale_sets(program);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const bool ends = std::ranges::any_of(method.outputs, [&](const model::NamedValue& output) {
      return sets[static_cast<std::size_t>(output.value)] == sets[i];
    });
    const std::string name = name_of(method, static_cast<ValueId>(i));
    if (ends && !name.empty()) names.push_back(name);
  }
  return names;
}

}  // namespace graphrun::training
