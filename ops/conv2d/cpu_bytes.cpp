#include <algorithm>
#include <bit>
#include <cmath>

#include "ops/common/bytes.h"
#include "ops/conv2d/eight_bits.h"
#include "ops/conv2d/kernels.h"
#include "runtime/cpu/onednn.h"

namespace graphrun::ops::conv2d {

Status check_byte_operands(const KernelRequest& request) {
  if (!is_byte(request.inputs[kX]) || request.inputs[kWeight].dtype != DType::s8)
    return {ErrorCode::declined, "multiplies activations in u8 with weights in s8"};
  if (!cpu::multiplies_bytes())
    return {ErrorCode::declined, "the CPU has no instructions for it (AVX-512 VNNI, AMX)"};
  GRAPHRUN_TRY(require_constants(request, DType::s8));
  const TensorDesc& y = request.outputs[0];
  if (!is_byte(y) && y.dtype != DType::f32 && y.dtype != DType::bf16)
    return {ErrorCode::declined, "y is neither u8 nor f32 nor bf16"};
  if (!has_residual(request)) return {};
  const TensorDesc& residual = request.inputs[kResidual];
  if (residual.dtype != y.dtype || is_byte(residual) != is_byte(y))
    return {ErrorCode::declined, "the residual and y differ in their type"};
  return {};
}

ByteForm byte_form(const KernelRequest& request, std::optional<double> eps) {
  ByteForm form{.eps = eps,
                .x = request.inputs[kX].quantisation,
                .y = request.outputs[0].quantisation,
                .outputs = request.outputs[0].c()};
  if (has_residual(request)) form.residual = request.inputs[kResidual].quantisation;
  return form;
}

std::string ByteForm::key() const {
  std::string key;
  for (const Quantisation& q : {x, y, residual}) {
    key.append(" ").append(std::to_string(std::bit_cast<std::uint32_t>(q.scale)));
    key.append(" ").append(std::to_string(q.zero_point));
  }
  if (eps) key.append(" batch norm ").append(std::to_string(std::bit_cast<std::uint64_t>(*eps)));
  return key;
}

std::vector<ByteChannel> fold_bytes(const ByteForm& form, std::span<const TensorView> inputs,
                                    std::span<std::int8_t> weight) {
  const std::size_t row = weight.size() / static_cast<std::size_t>(form.outputs);
  const double to_y = form.y.scale > 0 ? 1.0 / static_cast<double>(form.y.scale) : 1.0;
  const double zero =
      form.y.zero_point - form.residual.zero_point * static_cast<double>(form.residual.scale) * to_y;
  std::optional<FoldedBatchNorm> folded;
  if (form.eps) folded.emplace(inputs, *form.eps);
  std::vector<ByteChannel> channels;
  channels.reserve(static_cast<std::size_t>(form.outputs));
  for (std::int64_t o = 0; o < form.outputs; ++o) {
    const double norm = folded ? folded->scale(o) : 1.0;
    const double plain =
        inputs[kBias].data != nullptr ? static_cast<double>(inputs[kBias].as<const float>()[o]) : 0.0;
    const double bias = (folded ? folded->bias(o) : plain) * to_y + zero;
    double factor = static_cast<double>(form.x.scale) *
                    static_cast<double>(inputs[kWeight].channel_scales[o]) * norm * to_y;
    const std::span<std::int8_t> taps = weight.subspan(static_cast<std::size_t>(o) * row, row);
    constexpr double kNothing = 1e-30;  // smaller ones are not told from 0 in f32 once they divide
    if (std::abs(factor) < kNothing) {
      std::ranges::fill(taps, std::int8_t{0});
      factor = 1;
    }
    std::int64_t sum = 0;
    for (const std::int8_t tap : taps) sum += tap;
    channels.push_back({factor, bias - factor * static_cast<double>(form.x.zero_point * sum)});
  }
  return channels;
}

}  // namespace graphrun::ops::conv2d
