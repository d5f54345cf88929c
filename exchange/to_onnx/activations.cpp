#include <numbers>

#include "exchange/to_onnx/translation.h"

namespace graphrun::exchange::to_onnx {
namespace {

Status relu(Translation& node) {
  node.give(node.out().add("Relu", {node.input(0)}));
  return {};
}

Status relu6(Translation& node) {
  GraphBuilder& out = node.out();
  node.give(out.add("Clip", {node.input(0), out.real(0), out.real(6)}));
  return {};
}

Status leaky_relu(Translation& node) {
  const auto slope = static_cast<float>(node.attrs().real("slope"));
  node.give(node.out().add("LeakyRelu", {node.input(0)}, {{"alpha", slope}}));
  return {};
}

Status sigmoid(Translation& node) {
  node.give(node.out().add("Sigmoid", {node.input(0)}));
  return {};
}

Status silu(Translation& node) {
  GraphBuilder& out = node.out();
  node.give(out.add("Mul", {node.input(0), out.add("Sigmoid", {node.input(0)})}));
  return {};
}

Status hard_sigmoid(Translation& node) {
  node.give(node.out().add("HardSigmoid", {node.input(0)}, {{"alpha", 1.0F / 6}, {"beta", 0.5F}}));
  return {};
}

Status hard_swish(Translation& node) {
  node.give(node.out().add("HardSwish", {node.input(0)}));
  return {};
}

// x/2 (1 + f(x)), where f is erf(x/sqrt(2)) or tanh(sqrt(2/pi) (x + 0.044715 x^3)).
Status gelu(Translation& node) {
  GraphBuilder& out = node.out();
  const std::string x = node.input(0);
  std::string inner;
  if (node.attrs().text("approximate") == "tanh") {
    const std::string square = out.add("Mul", {x, x});
    const std::string factor = out.add("Add", {out.add("Mul", {square, out.real(0.044715F)}), out.real(1)});
    const auto root = static_cast<float>(std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
    inner = out.add("Tanh", {out.add("Mul", {out.add("Mul", {x, factor}), out.real(root)})});
  } else {
    inner = out.add("Erf", {out.add("Div", {x, out.real(std::numbers::sqrt2_v<float>)})});
  }
  const std::string sum = out.add("Add", {inner, out.real(1)});
  node.give(out.add("Mul", {out.add("Mul", {x, sum}), out.real(0.5F)}));
  return {};
}

Status softmax(Translation& node) {
  node.give(node.out().add("Softmax", {node.input(0)}, {{"axis", std::int64_t{1}}}));
  return {};
}

constexpr TranslationOf kActivations[] = {{"gelu", gelu},
                                          {"hard_sigmoid", hard_sigmoid},
                                          {"hard_swish", hard_swish},
                                          {"leaky_relu", leaky_relu},
                                          {"relu", relu},
                                          {"relu6", relu6},
                                          {"sigmoid", sigmoid},
                                          {"silu", silu},
                                          {"softmax", softmax}};

}  // namespace

std::span<const TranslationOf> activations() { return kActivations; }

}  // namespace graphrun::exchange::to_onnx
