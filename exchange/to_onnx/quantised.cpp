#include "exchange/to_onnx/quantised.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace graphrun::exchange::to_onnx {
namespace {

using onnx::Attribute;

std::vector<Attribute> by_output_channel() { return {{"axis", std::int64_t{0}}}; }

// Scales are positive, so that a negative factor goes into the integers. One of 0 has no scale of its own:
// its channel's integers are 0.
std::vector<float> scales_of(const TensorView& weight, const std::vector<double>& factors) {
  std::vector<float> scales;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const auto scale =
        static_cast<float>(std::abs(static_cast<double>(weight.channel_scales[i]) * factors[i]));
    scales.push_back(std::isnormal(scale) ? scale : 1.0F);
  }
  return scales;
}

int sign_of(const TensorView& weight, std::size_t channel, double factor) {
  const auto scale = static_cast<float>(static_cast<double>(weight.channel_scales[channel]) * factor);
  if (!std::isnormal(scale)) return 0;
  return scale < 0 ? -1 : 1;
}

// -127 to 127, whose negatives are there, too.
onnx::WrittenLater signed_rows(const TensorView& weight, std::vector<double> factors) {
  return {[weight, factors = std::move(factors)](const onnx::Sink& sink) -> Status {
    const std::size_t length = static_cast<std::size_t>(weight.desc.shape.count()) / factors.size();
    std::vector<std::int8_t> row(length);
    for (std::size_t channel = 0; channel < factors.size(); ++channel) {
      const int sign = sign_of(weight, channel, factors[channel]);
      const auto* const integers = weight.as<const std::int8_t>() + channel * length;
      for (std::size_t i = 0; i < length; ++i)
        row[i] = static_cast<std::int8_t>(std::clamp(sign * integers[i], -127, 127));
      GRAPHRUN_TRY(sink(std::as_bytes(std::span(row))));
    }
    return {};
  }};
}

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::string quantised_weight(Translation& node, std::vector<std::int64_t> dims,
                             const std::vector<double>& factors) {
  GraphBuilder& out = node.out();
  const TensorView& weight = *node.eight_bits(1);
  const std::vector<float> scales = scales_of(weight, factors);
  const std::string integers =
      node.replaced(1, {{}, onnx::ElementType::i8, std::move(dims), signed_rows(weight, factors)});
  const std::string zeros = out.constant(
      "zeros",
      {{}, onnx::ElementType::i8, {std::ssize(scales)}, std::vector<std::byte>(scales.size(), std::byte{0})});
  return out.add("DequantizeLinear", {integers, out.reals(scales, {std::ssize(scales)}), zeros},
                 by_output_channel());
}

std::string quantised_bias(Translation& node, const std::vector<float>& bias,
                           const std::vector<double>& factors) {
  GraphBuilder& out = node.out();
  const float of_x = node.quantisation(0).scale;
  std::vector<float> scales = scales_of(*node.eight_bits(1), factors);
  std::vector<std::int32_t> integers;
  for (std::size_t i = 0; i < scales.size() && of_x > 0; ++i) {
    scales[i] *= of_x;
    const double integer = std::nearbyint(static_cast<double>(bias[i]) / static_cast<double>(scales[i]));
    if (!(std::abs(integer) <= std::numeric_limits<std::int32_t>::max()) || !std::isnormal(scales[i])) break;
    integers.push_back(static_cast<std::int32_t>(integer));
  }
  const std::vector<std::int64_t> dims{std::ssize(bias)};
  if (integers.size() != bias.size()) return out.reals(bias, dims);
  const std::string stored = out.constant("bias", {{}, onnx::ElementType::i32, dims, bytes_of(integers)});
  return out.add("DequantizeLinear", {stored, out.reals(scales, dims)}, by_output_channel());
}

}  // namespace graphrun::exchange::to_onnx
