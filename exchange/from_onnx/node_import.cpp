#include "exchange/from_onnx/node_import.h"

#include <algorithm>
#include <charconv>

namespace graphrun::exchange::from_onnx {
namespace {

std::string ordinal(std::size_t input) { return "input " + std::to_string(input); }

// An op's result, for any values of its inputs, or for such.
bool is_not_negative(std::string_view op, const std::vector<Map>& inputs) {
  constexpr std::string_view kAlways[] = {"relu", "relu6", "sigmoid", "hard_sigmoid", "softmax"};
  constexpr std::string_view kAsInputs[] = {
      "max_pool", "avg_pool", "adaptive_avg_pool", "strip_pool", "resize", "concat", "add", "mul"};
  if (std::ranges::find(kAlways, op) != std::end(kAlways)) return true;
  return std::ranges::find(kAsInputs, op) != std::end(kAsInputs) &&
         std::ranges::all_of(inputs, [](const Map& input) { return input.is_not_negative; });
}

Status wrong_kind(std::string_view name) {
  return {ErrorCode::invalid_file, "attribute \"" + std::string(name) + "\" is of another kind"};
}

}  // namespace

Result<std::size_t> axis_of(std::int64_t axis, int rank) {
  const std::int64_t from_front = axis < 0 && axis >= -rank ? axis + rank : axis;
  if (from_front < 0 || from_front >= rank)
    return {ErrorCode::invalid_file,
            "axis " + std::to_string(axis) + " of a tensor of rank " + std::to_string(rank)};
  return static_cast<std::size_t>(from_front);
}

double readable(float value) {
  char text[64];
  const auto written = std::to_chars(text, text + sizeof text, value);
  double read = value;
  std::from_chars(text, written.ptr, read);
  return read;
}

Result<const Value*> NodeImport::value(std::size_t input) {
  if (!has(input)) return {ErrorCode::invalid_file, ordinal(input) + " is missing"};
  const auto found = values_.find(node_.inputs[input]);
  if (found == values_.end())
    return {ErrorCode::invalid_file, ordinal(input) + " is a value that no node before has written"};
  return &found->second;
}

Result<Map> NodeImport::padded_map(std::size_t input) {
  GRAPHRUN_ASSIGN(const Value* const found, value(input));
  const Map* const map = std::get_if<Map>(found);
  if (map == nullptr)
    return {ErrorCode::unsupported, ordinal(input) + " is a constant; an activation is expected"};
  if (map->is_quantised()) {
    return {
        ErrorCode::unsupported,
        ordinal(input) + " is quantised, and only DequantizeLinear takes that: export it in the QDQ form"};
  }
  return *map;
}

Result<Map> NodeImport::map(std::size_t input) {
  GRAPHRUN_ASSIGN(const Map map, padded_map(input));
  if (map.is_padded())
    return {ErrorCode::unsupported, ordinal(input) + " is padded: zeros are added before convolutions alone"};
  return map;
}

bool NodeImport::is_map(std::size_t input) {
  const auto found = value(input);
  return found.ok() && std::holds_alternative<Map>(**found);
}

Result<Constant> NodeImport::constant(std::size_t input) {
  GRAPHRUN_ASSIGN(const Value* const found, value(input));
  if (const Constant* tensor = std::get_if<Constant>(found)) return *tensor;
  return {ErrorCode::unsupported, ordinal(input) + " is computed; a constant is expected"};
}

Result<Constant> NodeImport::weight(std::size_t input) {
  GRAPHRUN_ASSIGN(const Constant tensor, constant(input));
  if (tensor->type == onnx::ElementType::f32) return tensor;
  GRAPHRUN_ASSIGN(const std::vector<float> values, reals(input));
  return graph_.keep(tensor_of(values, tensor->dims));
}

Result<std::vector<float>> NodeImport::reals(std::size_t input) {
  GRAPHRUN_ASSIGN(const Constant tensor, constant(input));
  return reals_of(*tensor).with_context(ordinal(input));
}

Result<Integers> NodeImport::integers(std::size_t input) {
  GRAPHRUN_ASSIGN(const Value* const found, value(input));
  if (const Integers* known = std::get_if<Integers>(found)) return *known;
  if (const Constant* tensor = std::get_if<Constant>(found))
    return integers_of(**tensor).with_context(ordinal(input));
  return {ErrorCode::unsupported, ordinal(input) + " is an activation; integers are expected"};
}

Result<std::vector<std::int64_t>> NodeImport::numbers(std::size_t input) {
  GRAPHRUN_ASSIGN(const Integers all, integers(input));
  std::vector<std::int64_t> known;
  for (const Dim& dim : all.elements) {
    if (!dim.is_constant())
      return {ErrorCode::unsupported, ordinal(input) + " depends on the image's size, " + to_string(dim) +
                                          ": export it for a fixed size"};
    known.push_back(dim.constant());
  }
  return known;
}

void NodeImport::give(Value value, std::size_t output) {
  if (!wants(output)) return;
  if (const auto* integers = std::get_if<Integers>(&value))
    graph_.count(integers->elements.size() * sizeof(Dim));
  values_.insert_or_assign(node_.outputs[output], std::move(value));
}

const onnx::Attribute* NodeImport::attribute(std::string_view name) {
  asked_.emplace(name);
  const auto found = std::ranges::find(node_.attributes, name, &onnx::Attribute::name);
  return found == node_.attributes.end() ? nullptr : &*found;
}

bool NodeImport::has_attribute(std::string_view name) { return attribute(name) != nullptr; }

Result<std::int64_t> NodeImport::integer(std::string_view name, std::int64_t fallback) {
  const onnx::Attribute* const found = attribute(name);
  if (found == nullptr) return fallback;
  if (const auto* value = std::get_if<std::int64_t>(&found->value)) return *value;
  return wrong_kind(name);
}

Result<std::vector<std::int64_t>> NodeImport::integer_list(std::string_view name,
                                                           std::vector<std::int64_t> fallback) {
  const onnx::Attribute* const found = attribute(name);
  if (found == nullptr) return fallback;
  if (const auto* values = std::get_if<std::vector<std::int64_t>>(&found->value)) return *values;
  return wrong_kind(name);
}

Result<float> NodeImport::real(std::string_view name, float fallback) {
  const onnx::Attribute* const found = attribute(name);
  if (found == nullptr) return fallback;
  if (const auto* value = std::get_if<float>(&found->value)) return *value;
  return wrong_kind(name);
}

Result<std::string> NodeImport::text(std::string_view name, std::string fallback) {
  const onnx::Attribute* const found = attribute(name);
  if (found == nullptr) return fallback;
  if (const auto* value = std::get_if<std::string>(&found->value)) return *value;
  return wrong_kind(name);
}

Status NodeImport::expect(std::string_view name, std::int64_t only) {
  GRAPHRUN_ASSIGN(const std::int64_t value, integer(name, only));
  if (value == only) return {};
  return {ErrorCode::unsupported,
          std::string(name) + " = " + std::to_string(value) + "; only " + std::to_string(only) + " is known"};
}

Status NodeImport::all_asked() const {
  for (const onnx::Attribute& attribute : node_.attributes) {
    if (!asked_.contains(attribute.name))
      return {ErrorCode::unsupported, "attribute \"" + attribute.name + "\" is not known"};
  }
  for (std::size_t input = 0; input < node_.inputs.size(); ++input) {
    if (!node_.inputs[input].empty() && !asked_inputs_.contains(input))
      return {ErrorCode::unsupported, ordinal(input) + " is not known"};
  }
  return {};
}

Result<Map> NodeImport::add(std::string_view op, const std::vector<Map>& inputs, AttrMap attrs,
                            std::vector<StepVariable> variables, std::string_view suffix) {
  Step step{std::string(op), path_, std::move(attrs), {}, std::move(variables), kNoStepValue};
  if (!suffix.empty()) step.path += "." + std::string(suffix);
  for (const Map& input : inputs) step.inputs.push_back(input.value);
  Map result;
  result.rank = inputs[0].rank;
  GRAPHRUN_ASSIGN(result.value, graph_.add(std::move(step)).with_context(op));
  result.is_not_negative = is_not_negative(op, inputs);
  return result;
}

Result<Map> NodeImport::rectified(const Map& x) {
  if (x.is_not_negative) return x;
  return add("relu", {x}, {}, {}, "relu");
}

Result<Map> NodeImport::affine(const Map& x, const std::vector<float>& weight, const std::vector<float>& bias,
                               std::string_view suffix) {
  const Dim& channels = extent(x, 1);
  if (!channels.is_constant() || channels.constant() != std::ssize(weight))
    return {ErrorCode::unsupported, "a constant of " + std::to_string(weight.size()) + " numbers over " +
                                        to_string(channels) + " channels: one for each channel is expected"};
  const std::vector<std::int64_t> dims = {channels.constant()};
  const std::vector<float> zeros(weight.size(), 0.0F);
  const std::vector<float> ones(weight.size(), 1.0F);
  std::vector<StepVariable> variables;
  for (const auto* values : {&weight, &bias, &zeros, &ones})
    variables.push_back({variables.size() + 1, keep(tensor_of(*values, dims))});
  return add("batch_norm", {x}, {{"eps", Expr(0.0)}, {"frozen", Expr(1)}}, std::move(variables), suffix);
}

Result<Map> NodeImport::shifted(const Map& x, float by, std::string_view suffix) {
  const Dim& channels = extent(x, 1);
  constexpr std::int64_t kMaxChannels = 1 << 20;
  if (!channels.is_constant() || channels.constant() > kMaxChannels)
    return {ErrorCode::unsupported, "a constant over an unknown number of channels"};
  const auto count = static_cast<std::size_t>(channels.constant());
  return affine(x, std::vector<float>(count, 1.0F), std::vector<float>(count, by), suffix);
}

Result<Map> NodeImport::scaled(const Map& x, double factor) {
  return add("scale", {x}, {{"factor", Expr(factor)}});
}

namespace {

std::vector<std::span<const ImportOf>> tables() {
  return {imported_windows(), imported_norms(),      imported_activations(), imported_arithmetic(),
          imported_shapes(),  imported_resampling(), imported_matrices(),    imported_quantisation()};
}

}  // namespace

ImportNode find_import(std::string_view op) {
  for (const std::span<const ImportOf> table : tables()) {
    const auto found = std::ranges::find(table, op, &ImportOf::op);
    if (found != table.end()) return found->import;
  }
  return nullptr;
}

std::vector<std::string_view> imported_ops() {
  std::vector<std::string_view> names;
  for (const std::span<const ImportOf> table : tables()) {
    for (const ImportOf& entry : table) names.push_back(entry.op);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace graphrun::exchange::from_onnx
