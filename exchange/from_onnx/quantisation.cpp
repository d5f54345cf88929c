#include <cmath>
#include <cstdint>

#include "exchange/from_onnx/node_import.h"

// Quantised networks in the QDQ form: QuantizeLinear and DequantizeLinear around what is computed. The
// network that is made of them computes with real numbers: constants are dequantised, activations are not
// rounded. What rounding cuts off at 0 is kept, since quantisers leave out a ReLU before it.
namespace graphrun::exchange::from_onnx {
namespace {

// One real number for each integer: real = scale (integer - zero).
struct Scales {
  std::vector<float> scale;
  std::vector<float> zero;  // as many
  onnx::ElementType type = onnx::ElementType::u8;
};

// Inputs 1 and 2. `type`: of integers without a zero point.
Result<Scales> scales_of(NodeImport& node, onnx::ElementType type) {
  Scales scales;
  GRAPHRUN_ASSIGN(scales.scale, node.reals(1));
  for (const float scale : scales.scale) {
    if (!std::isnormal(scale) || scale < 0)
      return {ErrorCode::invalid_file, "a scale that is no positive number"};
  }
  scales.type = type;
  if (node.has(2)) {
    GRAPHRUN_ASSIGN(const Constant zero, node.constant(2));
    scales.type = zero->type;
    GRAPHRUN_ASSIGN(scales.zero, numbers_of(*zero));
  } else {
    scales.zero.assign(scales.scale.size(), 0.0F);
  }
  if (scales.scale.empty() || scales.scale.size() != scales.zero.size())
    return {ErrorCode::invalid_file, "scales and zero points differ in number"};
  return scales;
}

Status quantize_linear(NodeImport& node) {
  node.has_attribute("axis");  // of scales by channel
  GRAPHRUN_ASSIGN(const Value* const x, node.value(0));
  if (std::holds_alternative<Constant>(*x)) {
    // Not rounded either: DequantizeLinear finds real numbers.
    GRAPHRUN_TRY(scales_of(node, onnx::ElementType::u8));
    GRAPHRUN_ASSIGN(const Constant tensor, node.weight(0));
    node.give(tensor);
    return {};
  }
  GRAPHRUN_ASSIGN(Map map, node.map(0));
  GRAPHRUN_TRY(node.expect("saturate", 1));
  GRAPHRUN_ASSIGN(const std::int64_t type,
                  node.integer("output_dtype", static_cast<std::int64_t>(onnx::ElementType::u8)));
  GRAPHRUN_ASSIGN(const Scales scales, scales_of(node, static_cast<onnx::ElementType>(type)));
  if (scales.scale.size() != 1)
    return {ErrorCode::unsupported, "activations with a scale for each channel; one for all is expected"};
  const bool is_signed = scales.type == onnx::ElementType::i8;
  if (!is_signed && scales.type != onnx::ElementType::u8)
    return {ErrorCode::unsupported,
            "activations in " + std::string(onnx::to_string(scales.type)) + "; int8 and uint8 are known"};
  // Integers end at 0: so do the real numbers.
  if (scales.zero[0] == (is_signed ? -128.0F : 0.0F)) {
    GRAPHRUN_ASSIGN(map, node.rectified(map));
  }
  map.scale = scales.scale[0];
  map.zero = scales.zero[0];
  node.give(map);
  return {};
}

// The constant's elements as reals; scales are along `axis`, or one for all.
Result<onnx::Tensor> dequantised(const onnx::Tensor& tensor, const Scales& scales, std::int64_t axis) {
  GRAPHRUN_ASSIGN(std::vector<float> values, numbers_of(tensor));
  std::size_t inner = values.size(), count = 1;
  if (scales.scale.size() > 1) {
    GRAPHRUN_ASSIGN(const std::size_t along, axis_of(axis, static_cast<int>(tensor.dims.size())));
    count = static_cast<std::size_t>(tensor.dims[along]);
    inner = 1;
    for (std::size_t i = along + 1; i < tensor.dims.size(); ++i)
      inner *= static_cast<std::size_t>(tensor.dims[i]);
    if (count != scales.scale.size())
      return {ErrorCode::invalid_file, "as many scales as the axis has are expected"};
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t at = count == 1 ? 0 : i / inner % count;
    values[i] = (values[i] - scales.zero[at]) * scales.scale[at];
  }
  return tensor_of(values, tensor.dims);
}

Status dequantize_linear(NodeImport& node) {
  GRAPHRUN_ASSIGN(const std::int64_t axis, node.integer("axis", 1));
  GRAPHRUN_ASSIGN(const Value* const x, node.value(0));
  if (const Constant* const tensor = std::get_if<Constant>(x)) {
    GRAPHRUN_ASSIGN(const Scales scales, scales_of(node, (*tensor)->type));
    if ((*tensor)->type == onnx::ElementType::f32) {
      node.give(*tensor);
      return {};
    }
    GRAPHRUN_ASSIGN(onnx::Tensor reals, dequantised(**tensor, scales, axis));
    node.give(node.keep(std::move(reals)));
    return {};
  }
  const Map* const found = std::get_if<Map>(x);
  if (found == nullptr || !found->is_quantised())
    return {ErrorCode::unsupported, "its input is no constant, and nothing that QuantizeLinear has written"};
  GRAPHRUN_ASSIGN(const Scales scales, scales_of(node, onnx::ElementType::u8));
  if (scales.scale.size() != 1 || scales.scale[0] != found->scale || scales.zero[0] != found->zero)
    return {ErrorCode::unsupported, "its scale is not that with which its input was quantised"};
  Map map = *found;
  map.scale = map.zero = 0;
  node.give(map);
  return {};
}

constexpr ImportOf kQuantisation[] = {{"DequantizeLinear", dequantize_linear},
                                      {"QuantizeLinear", quantize_linear}};

}  // namespace

std::span<const ImportOf> imported_quantisation() { return kQuantisation; }

}  // namespace graphrun::exchange::from_onnx
