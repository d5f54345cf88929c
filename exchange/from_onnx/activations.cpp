#include <cmath>

#include "exchange/from_onnx/node_import.h"

namespace graphrun::exchange::from_onnx {
namespace {

// An op of one input without attributes.
Status unary(NodeImport& node, std::string_view op) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const Map y, node.add(op, {x}));
  node.give(y);
  return {};
}

Status relu(NodeImport& node) { return unary(node, "relu"); }
Status sigmoid(NodeImport& node) { return unary(node, "sigmoid"); }
Status hard_swish(NodeImport& node) { return unary(node, "hard_swish"); }

Status leaky_relu(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const float slope, node.real("alpha", 0.01F));
  GRAPHRUN_ASSIGN(const Map y, node.add("leaky_relu", {x}, {{"slope", Expr(readable(slope))}}));
  node.give(y);
  return {};
}

// min(max(alpha x + beta, 0), 1).
Status hard_sigmoid(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const float alpha, node.real("alpha", 0.2F));
  GRAPHRUN_ASSIGN(const float beta, node.real("beta", 0.5F));
  if (std::abs(alpha - 1.0F / 6) < 1e-6F && beta == 0.5F) return unary(node, "hard_sigmoid");
  // hard_sigmoid(u) is min(max(u/6 + 1/2, 0), 1).
  GRAPHRUN_ASSIGN(const Map scaled, node.scaled(x, 6 * readable(alpha)));
  GRAPHRUN_ASSIGN(const Map shifted, node.shifted(scaled, 6 * (beta - 0.5F), "shift"));
  GRAPHRUN_ASSIGN(const Map y, node.add("hard_sigmoid", {shifted}));
  node.give(y);
  return {};
}

Status gelu(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const std::string approximate, node.text("approximate", "none"));
  GRAPHRUN_ASSIGN(const Map y, node.add("gelu", {x}, {{"approximate", approximate}}));
  node.give(y);
  return {};
}

// 2 sigmoid(2 x) - 1.
Status tanh(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const Map doubled, node.scaled(x, 2));
  GRAPHRUN_ASSIGN(const Map half, node.add("sigmoid", {doubled}));
  GRAPHRUN_ASSIGN(const Map whole, node.scaled(half, 2));
  GRAPHRUN_ASSIGN(const Map y, node.shifted(whole, -1, "shift"));
  node.give(y);
  return {};
}

// relu(x) + relu(-x).
Status absolute(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const Map positive, node.add("relu", {x}));
  GRAPHRUN_ASSIGN(const Map negated, node.scaled(x, -1));
  GRAPHRUN_ASSIGN(const Map negative, node.add("relu", {negated}));
  GRAPHRUN_ASSIGN(const Map y, node.add("add", {positive, negative}));
  node.give(y);
  return {};
}

// The slope is one number, however often it stands there.
Status prelu(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const std::vector<float> slopes, node.reals(1));
  for (const float slope : slopes) {
    if (slope != slopes[0])
      return {ErrorCode::unsupported, "a slope for each channel: one for all is expected"};
  }
  if (slopes.empty()) return {ErrorCode::invalid_file, "no slope"};
  GRAPHRUN_ASSIGN(const Map y, node.add("leaky_relu", {x}, {{"slope", Expr(readable(slopes[0]))}}));
  node.give(y);
  return {};
}

Status softmax(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const std::int64_t given, node.integer("axis", -1));
  GRAPHRUN_ASSIGN(const std::size_t axis, axis_of(given, x.rank));
  if (axis != 1)
    return {ErrorCode::unsupported, "softmax over axis " + std::to_string(axis) + "; channels are axis 1"};
  return unary(node, "softmax");
}

// A bound of Clip; empty: none.
Result<std::optional<float>> bound(NodeImport& node, std::size_t input) {
  if (!node.has(input)) return std::optional<float>();
  GRAPHRUN_ASSIGN(const std::vector<float> values, node.reals(input));
  if (values.size() != 1) return {ErrorCode::invalid_file, "a bound is one number"};
  constexpr float kNone = 1e30F;
  return std::abs(values[0]) < kNone ? std::optional(values[0]) : std::nullopt;
}

Status clip(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const std::optional<float> low, bound(node, 1));
  GRAPHRUN_ASSIGN(const std::optional<float> high, bound(node, 2));
  if (low == 0.0F && high == 6.0F) return unary(node, "relu6");
  if (low && high && *low > *high) return {ErrorCode::unsupported, "a lower bound above the upper one"};
  Map y = x;
  if (low) {  // low + relu(y - low)
    if (*low != 0) {
      GRAPHRUN_ASSIGN(y, node.shifted(y, -*low, "to_low"));
    }
    GRAPHRUN_ASSIGN(y, node.add("relu", {y}));
    if (*low != 0) {
      GRAPHRUN_ASSIGN(y, node.shifted(y, *low, "from_low"));
    }
  }
  if (high) {  // high - relu(high - y)
    GRAPHRUN_ASSIGN(y, node.scaled(y, -1));
    GRAPHRUN_ASSIGN(y, node.shifted(y, *high, "to_high"));
    GRAPHRUN_ASSIGN(y, node.add("relu", {y}));
    GRAPHRUN_ASSIGN(y, node.scaled(y, -1));
    GRAPHRUN_ASSIGN(y, node.shifted(y, *high, "from_high"));
  }
  node.give(y);
  return {};
}

constexpr ImportOf kActivations[] = {{"Abs", absolute},
                                     {"Clip", clip},
                                     {"Gelu", gelu},
                                     {"HardSigmoid", hard_sigmoid},
                                     {"HardSwish", hard_swish},
                                     {"LeakyRelu", leaky_relu},
                                     {"PRelu", prelu},
                                     {"Relu", relu},
                                     {"Sigmoid", sigmoid},
                                     {"Softmax", softmax},
                                     {"Tanh", tanh}};

}  // namespace

std::span<const ImportOf> imported_activations() { return kActivations; }

}  // namespace graphrun::exchange::from_onnx
