#include <algorithm>
#include <functional>

#include "exchange/from_onnx/node_import.h"

// Sums and products: of activations, of an activation and a constant, of integers such as sizes.
namespace graphrun::exchange::from_onnx {
namespace {

using Combine = Dim (*)(const Dim&, const Dim&);

Dim plus(const Dim& a, const Dim& b) { return a + b; }
Dim minus(const Dim& a, const Dim& b) { return a - b; }
Dim times(const Dim& a, const Dim& b) { return a * b; }
Dim over(const Dim& a, const Dim& b) { return floor_div(a, b); }  // of sizes, which are not negative

Status of_integers(NodeImport& node, Combine combine) {
  GRAPHRUN_ASSIGN(const Integers a, node.integers(0));
  GRAPHRUN_ASSIGN(const Integers b, node.integers(1));
  const std::size_t count = std::max(a.elements.size(), b.elements.size());
  const auto fits = [count](const Integers& x) {
    return x.elements.size() == count || x.elements.size() == 1;
  };
  if (!fits(a) || !fits(b)) return {ErrorCode::invalid_file, "lists of integers of different lengths"};
  Integers result{{}, a.is_scalar && b.is_scalar};
  const auto element = [](const Integers& x, std::size_t i) -> const Dim& {
    return x.elements[x.elements.size() == 1 ? 0 : i];
  };
  for (std::size_t i = 0; i < count; ++i) {
    result.elements.push_back(combine(element(a, i), element(b, i)));
    if (!result.elements.back().valid())
      return {ErrorCode::unsupported, "a size that cannot be computed: export the network for a fixed size"};
  }
  node.give(std::move(result));
  return {};
}

// A constant over a map: one number for all, or one for each channel.
struct ChannelNumbers {
  std::vector<float> values;
  bool one() const { return values.size() == 1; }
};

Result<ChannelNumbers> over_channels(NodeImport& node, std::size_t input, const Map& x) {
  GRAPHRUN_ASSIGN(const Constant tensor, node.constant(input));
  ChannelNumbers numbers;
  GRAPHRUN_ASSIGN(numbers.values, node.reals(input));
  const auto rank = static_cast<int>(tensor->dims.size());
  if (rank > x.rank) return {ErrorCode::unsupported, "a constant of more axes than the activation"};
  for (int axis = 0; axis < rank; ++axis) {
    const int of_map = axis + x.rank - rank;  // axes are aligned at the end
    if (tensor->dims[static_cast<std::size_t>(axis)] != 1 && of_map != 1)
      return {ErrorCode::unsupported, "a constant that differs by place; by channel (axis 1) it may"};
  }
  if (numbers.values.empty()) return {ErrorCode::invalid_file, "a constant without elements"};
  return numbers;
}

Result<Map> times_constant(NodeImport& node, const Map& x, const ChannelNumbers& factor) {
  if (factor.one()) return node.scaled(x, readable(factor.values[0]));
  return node.affine(x, factor.values, std::vector<float>(factor.values.size(), 0.0F));
}

Result<Map> plus_constant(NodeImport& node, const Map& x, const ChannelNumbers& term) {
  if (term.one()) return node.shifted(x, term.values[0], {});
  return node.affine(x, std::vector<float>(term.values.size(), 1.0F), term.values);
}

// Tensors are aligned at their last axes; in maps of lower rank these are not the last.
Status require_aligned(const Map& a, const Map& b) {
  if (a.rank == b.rank) return {};
  return {ErrorCode::unsupported, "activations of ranks " + std::to_string(a.rank) + " and " +
                                      std::to_string(b.rank) + ", whose axes would have to move"};
}

Result<Map> of_maps(NodeImport& node, std::string_view op, std::size_t second_input, const Map& a) {
  GRAPHRUN_ASSIGN(const Map b, node.map(second_input));
  GRAPHRUN_TRY(require_aligned(a, b));
  return node.add(op, {a, b});
}

bool has_integers(NodeImport& node) {
  for (std::size_t input = 0; input < 2; ++input) {
    const auto value = node.value(input);
    if (value.ok() && std::holds_alternative<Integers>(**value)) return true;
  }
  return !node.is_map(0) && !node.is_map(1);
}

// The place of the activation, and of what it is combined with: sums and products do not mind the order.
std::pair<std::size_t, std::size_t> places(NodeImport& node) {
  return node.is_map(0) ? std::pair<std::size_t, std::size_t>(0, 1)
                        : std::pair<std::size_t, std::size_t>(1, 0);
}

Status add(NodeImport& node) {
  if (has_integers(node)) return of_integers(node, plus);
  const auto [x_at, other] = places(node);
  GRAPHRUN_ASSIGN(const Map x, node.map(x_at));
  Map y;
  if (node.is_map(other)) {
    GRAPHRUN_ASSIGN(y, of_maps(node, "add", other, x));
  } else {
    GRAPHRUN_ASSIGN(const ChannelNumbers term, over_channels(node, other, x));
    GRAPHRUN_ASSIGN(y, plus_constant(node, x, term));
  }
  node.give(y);
  return {};
}

Status multiply(NodeImport& node) {
  if (has_integers(node)) return of_integers(node, times);
  const auto [x_at, other] = places(node);
  GRAPHRUN_ASSIGN(const Map x, node.map(x_at));
  Map y;
  if (node.is_map(other)) {
    GRAPHRUN_ASSIGN(y, of_maps(node, "mul", other, x));
  } else {
    GRAPHRUN_ASSIGN(const ChannelNumbers factor, over_channels(node, other, x));
    GRAPHRUN_ASSIGN(y, times_constant(node, x, factor));
  }
  node.give(y);
  return {};
}

Status subtract(NodeImport& node) {
  if (has_integers(node)) return of_integers(node, minus);
  Map y;
  if (node.is_map(1)) {  // a - b = -b + a
    GRAPHRUN_ASSIGN(const Map b, node.map(1));
    GRAPHRUN_ASSIGN(const Map negated, node.scaled(b, -1));
    if (node.is_map(0)) {
      GRAPHRUN_ASSIGN(const Map a, node.map(0));
      GRAPHRUN_TRY(require_aligned(a, b));
      GRAPHRUN_ASSIGN(y, node.add("add", {a, negated}));
    } else {
      GRAPHRUN_ASSIGN(const ChannelNumbers term, over_channels(node, 0, b));
      GRAPHRUN_ASSIGN(y, plus_constant(node, negated, term));
    }
  } else {
    GRAPHRUN_ASSIGN(const Map a, node.map(0));
    GRAPHRUN_ASSIGN(ChannelNumbers term, over_channels(node, 1, a));
    std::ranges::transform(term.values, term.values.begin(), std::negate<>());
    GRAPHRUN_ASSIGN(y, plus_constant(node, a, term));
  }
  node.give(y);
  return {};
}

Status divide(NodeImport& node) {
  if (has_integers(node)) return of_integers(node, over);
  GRAPHRUN_ASSIGN(const Map a, node.map(0));
  if (node.is_map(1)) return {ErrorCode::unsupported, "a quotient of two activations"};
  GRAPHRUN_ASSIGN(ChannelNumbers divisor, over_channels(node, 1, a));
  std::ranges::transform(divisor.values, divisor.values.begin(), [](float value) { return 1 / value; });
  GRAPHRUN_ASSIGN(const Map y, times_constant(node, a, divisor));
  node.give(y);
  return {};
}

Status negate(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const Map y, node.scaled(x, -1));
  node.give(y);
  return {};
}

// x^2 and x^1.
Status power(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const std::vector<float> exponent, node.reals(1));
  if (exponent != std::vector<float>{2}) return {ErrorCode::unsupported, "another power than the square"};
  GRAPHRUN_ASSIGN(const Map y, node.add("mul", {x, x}));
  node.give(y);
  return {};
}

Result<Map> sum_of_all(NodeImport& node) {
  GRAPHRUN_ASSIGN(Map y, node.map(0));
  for (std::size_t input = 1; input < node.input_count(); ++input) {
    GRAPHRUN_ASSIGN(y, of_maps(node, "add", input, y));
  }
  return y;
}

Status sum(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map y, sum_of_all(node));
  node.give(y);
  return {};
}

Status mean(NodeImport& node) {
  GRAPHRUN_ASSIGN(Map y, sum_of_all(node));
  if (node.input_count() > 1) {
    GRAPHRUN_ASSIGN(y, node.scaled(y, 1 / static_cast<double>(node.input_count())));
  }
  node.give(y);
  return {};
}

constexpr ImportOf kArithmetic[] = {{"Add", add},    {"Div", divide}, {"Mean", mean},    {"Mul", multiply},
                                    {"Neg", negate}, {"Pow", power},  {"Sub", subtract}, {"Sum", sum}};

}  // namespace

std::span<const ImportOf> imported_arithmetic() { return kArithmetic; }

}  // namespace graphrun::exchange::from_onnx
