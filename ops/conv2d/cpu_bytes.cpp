#include <algorithm>
#include <bit>
#include <cmath>

#include "ops/conv2d/eight_bits.h"
#include "ops/conv2d/kernels.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/parallel.h"

namespace graphrun::ops::conv2d {

bool is_byte(const TensorDesc& desc) { return desc.dtype == DType::u8 && desc.quantisation.scale > 0; }

bool has_residual(const KernelRequest& request) {
  return request.inputs.size() > kResidual && request.input_present[kResidual];
}

Status check_byte_operands(const KernelRequest& request) {
  if (!is_byte(request.inputs[kX]) || request.inputs[kWeight].dtype != DType::s8)
    return {ErrorCode::declined, "multiplies activations in u8 with weights in s8"};
  if (!cpu::multiplies_bytes())
    return {ErrorCode::declined, "the CPU has no instructions for it (AVX-512 VNNI, AMX)"};
  for (std::size_t i = kWeight; i < std::min<std::size_t>(request.inputs.size(), kResidual); ++i) {
    if (!request.input_present[i]) continue;
    if (!request.input_constant[i] || (i != kWeight && request.inputs[i].dtype != DType::f32))
      return {ErrorCode::declined, "prepares constant variables only"};
  }
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

namespace {

// Rows or columns that the windows reach.
std::int64_t reach(std::int64_t outputs, std::int64_t stride, std::int64_t taps, std::int64_t dilation) {
  return (outputs - 1) * stride + (taps - 1) * dilation + 1;
}

}  // namespace

Frame frame_of(const Geometry& g) {
  return {.top = g.ph,
          .left = g.pw,
          .height = reach(g.oh, g.sh, g.kh, g.dh),
          .width = reach(g.ow, g.sw, g.kw, g.dw),
          .pixel_bytes = g.c};
}

void copy_into_frame(const Geometry& g, const Frame& frame, std::uint8_t zero, const std::uint8_t* x,
                     std::int64_t x_step, std::uint8_t* to, int threads) {
  const std::int64_t row_bytes = frame.width * frame.pixel_bytes;
  const std::int64_t first = std::min(frame.left, frame.width) * frame.pixel_bytes;
  const std::int64_t pixels = std::clamp<std::int64_t>(frame.width - frame.left, 0, g.w);
  const std::int64_t end = first + pixels * frame.pixel_bytes;
  constexpr std::int64_t kBytesOfPiece = 65536;
  const std::int64_t piece = std::max<std::int64_t>(1, kBytesOfPiece / row_bytes);
  cpu::parallel_for(threads, g.n * frame.height, piece, [&](std::int64_t begin, std::int64_t stop) {
    for (std::int64_t line = begin; line < stop; ++line) {
      const std::int64_t n = line / frame.height, row = line % frame.height - frame.top;
      std::uint8_t* const target = to + line * row_bytes;
      if (row < 0 || row >= g.h) {
        std::fill_n(target, row_bytes, zero);
        continue;
      }
      std::fill_n(target, first, zero);
      const std::uint8_t* const source = x + (n * g.h + row) * g.w * x_step;
      if (x_step == g.c && frame.pixel_bytes == g.c) {
        std::copy_n(source, pixels * g.c, target + first);
      } else {
        for (std::int64_t w = 0; w < pixels; ++w)
          std::copy_n(source + w * x_step, g.c, target + first + w * frame.pixel_bytes);
      }
      std::fill_n(target + end, row_bytes - end, zero);
    }
  });
}

}  // namespace graphrun::ops::conv2d
