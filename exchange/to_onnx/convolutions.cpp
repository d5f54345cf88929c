#include <cmath>

#include "exchange/to_onnx/quantised.h"
#include "exchange/to_onnx/translation.h"

namespace graphrun::exchange::to_onnx {
namespace {

using onnx::Attribute;

// ONNX has padding of each side: those of the beginnings, then those of the ends.
std::vector<Attribute> window(const Attributes& attrs) {
  const std::vector<std::int64_t> padding = attrs.integers("padding");
  return {{"dilations", attrs.integers("dilation")},
          {"group", attrs.integer("groups")},
          {"kernel_shape", attrs.integers("kernel")},
          {"pads", std::vector{padding[0], padding[1], padding[0], padding[1]}},
          {"strides", attrs.integers("stride")}};
}

// The weight's extents; a linear layer has a matrix, which is windows of one pixel.
std::vector<std::int64_t> weight_dims(Translation& node) {
  std::vector<std::int64_t> dims = numbers(node.input_type(1).shape);
  dims.resize(4, 1);
  return dims;
}

Result<std::vector<std::string>> layer_inputs(Translation& node) {
  std::vector<std::string> inputs = {node.input(0)};
  if (node.input_type(1).shape.size() == 4) {
    inputs.push_back(node.input(1));
  } else {
    GRAPHRUN_ASSIGN(const std::span<const float> weight, node.variable(1));
    inputs.push_back(
        node.replaced(1, {{}, onnx::ElementType::f32, weight_dims(node), std::as_bytes(weight)}));
  }
  if (node.has(2)) inputs.push_back(node.input(2));
  return inputs;
}

// As a Conv of integers takes them.
Result<std::vector<std::string>> quantised_inputs(Translation& node) {
  const std::vector<double> factors(static_cast<std::size_t>(weight_dims(node)[0]), 1.0);
  std::vector<std::string> inputs = {node.input(0), quantised_weight(node, weight_dims(node), factors)};
  if (node.has(2)) {
    GRAPHRUN_ASSIGN(const std::span<const float> bias, node.variable(2));
    inputs.push_back(quantised_bias(node, {bias.begin(), bias.end()}, factors));
  }
  return inputs;
}

Status conv2d(Translation& node) {
  if (node.eight_bits(1) != nullptr) {
    GRAPHRUN_ASSIGN(std::vector<std::string> inputs, quantised_inputs(node));
    node.give(node.out().add("Conv", std::move(inputs), window(node.attrs())));
    return {};
  }
  GRAPHRUN_ASSIGN(std::vector<std::string> inputs, layer_inputs(node));
  node.give(node.out().add("Conv", std::move(inputs), window(node.attrs())));
  return {};
}

Status conv_transpose2d(Translation& node) {
  GRAPHRUN_ASSIGN(std::vector<std::string> inputs, layer_inputs(node));
  std::vector<Attribute> attributes = window(node.attrs());
  attributes.push_back({"output_padding", node.attrs().integers("output_padding")});
  node.give(node.out().add("ConvTranspose", std::move(inputs), std::move(attributes)));
  return {};
}

// Each channel's row of weights times the channel's factor.
onnx::WrittenLater scaled_rows(std::span<const float> weight, std::vector<double> factors) {
  return {[weight, factors = std::move(factors)](const onnx::Sink& sink) -> Status {
    const std::size_t length = weight.size() / factors.size();
    std::vector<float> row(length);
    for (std::size_t channel = 0; channel < factors.size(); ++channel) {
      for (std::size_t i = 0; i < length; ++i)
        row[i] = static_cast<float>(weight[channel * length + i] * factors[channel]);
      GRAPHRUN_TRY(sink(std::as_bytes(std::span(row))));
    }
    return {};
  }};
}

// With s = bn_weight/sqrt(bn_var + eps): weight s, and (bias - bn_mean) s + bn_bias.
Status conv2d_bn(Translation& node) {
  constexpr std::size_t kResidual = 7;
  GRAPHRUN_ASSIGN(const std::span<const float> weight, node.variable(1));
  GRAPHRUN_ASSIGN(const std::span<const float> scale, node.variable(3));
  GRAPHRUN_ASSIGN(const std::span<const float> offset, node.variable(4));
  GRAPHRUN_ASSIGN(const std::span<const float> mean, node.variable(5));
  GRAPHRUN_ASSIGN(const std::span<const float> variance, node.variable(6));
  std::span<const float> bias;
  if (node.has(2)) {
    GRAPHRUN_ASSIGN(bias, node.variable(2));
  }
  std::vector<double> factors;
  std::vector<float> folded;
  for (std::size_t i = 0; i < scale.size(); ++i) {
    factors.push_back(scale[i] / std::sqrt(double{variance[i]} + node.attrs().real("eps")));
    const double before = bias.empty() ? 0 : bias[i];
    folded.push_back(static_cast<float>((before - mean[i]) * factors[i] + offset[i]));
  }
  GraphBuilder& out = node.out();
  std::string folded_weight, folded_bias;
  if (node.eight_bits(1) != nullptr) {
    folded_weight = quantised_weight(node, weight_dims(node), factors);
    folded_bias = quantised_bias(node, folded, factors);
  } else {
    folded_weight = node.replaced(
        1, {{}, onnx::ElementType::f32, weight_dims(node), scaled_rows(weight, std::move(factors))});
    folded_bias = out.reals(folded, {std::ssize(folded)});
  }
  std::string y = out.add("Conv", {node.input(0), folded_weight, folded_bias}, window(node.attrs()));
  if (node.has(kResidual)) y = out.add("Add", {y, node.input(kResidual)});
  node.give(activated(node, y));
  return {};
}

constexpr TranslationOf kConvolutions[] = {
    {"conv2d", conv2d}, {"conv2d_bn", conv2d_bn}, {"conv_transpose2d", conv_transpose2d}};

}  // namespace

std::span<const TranslationOf> convolutions() { return kConvolutions; }

}  // namespace graphrun::exchange::to_onnx
