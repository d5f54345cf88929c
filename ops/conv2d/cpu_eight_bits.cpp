#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include "ops/common/copy_pixels.h"
#include "ops/conv2d/cpu_library.h"
#include "ops/conv2d/kernels.h"
#include "runtime/core/round_up.h"
#include "runtime/cpu/onednn.h"

// conv2d and conv2d_bn of u8 activations and s8 weights by oneDNN, which sums in 32 bits. With the sum a of
// the integers, the scales s of x, y, r (the residual) and, by channel, the weight (w), zero points z, and
// batch norm's factor n and the bias b of the channel,
//
//   y = (sx sw n / sy) (a - zx sum(weight) + bias') + (sr / sy) r,
//   bias' = (b / sy + zy - zr sr / sy) / (sx sw n / sy),
//
// so that zero points cost nothing. Where y is wide, sy is 1 and the residual is wide, too. The padding is
// integers of 0 to the library, so that an x with another zero point is copied into a frame of these first.
// ReLU ends at y's.
namespace graphrun::ops::conv2d {
namespace {

// What is around x where it is copied: its rows and columns begin at (top, left) of a map of these extents.
struct Frame {
  std::int64_t top = 0, left = 0, height = 0, width = 0;  // height 0: there is none
  explicit operator bool() const { return height > 0; }
};

struct EightBits {
  cpu::Convolution convolution;
  WeightSource source;
  std::optional<double> eps{};  // of batch norm
  Quantisation x, y, residual;  // scales of 0: wide, absent
  std::int64_t outputs = 0;
  Frame frame{};
  Geometry g{};  // of x without the frame
};

class EightBitConvolution final : public Kernel {
 public:
  EightBitConvolution(const KernelRequest& request, EightBits form, std::string key)
      : form_(std::move(form)),
        key_(std::move(key)),
        from_(request.inputs[kX]),
        to_(request.outputs[0]),
        threads_(request.threads),
        has_residual_(request.inputs.size() > kResidual && request.input_present[kResidual]) {
    weight_bytes_ = core::whole_lines(static_cast<std::int64_t>(form_.convolution.weight.get_size()));
    vector_bytes_ = core::whole_lines(form_.outputs * 4);
    ScratchPlan scratch;
    library_at_ = scratch.add(form_.convolution.primitive.scratch_bytes());
    const Frame& frame = form_.frame;
    if (frame) {
      from_at_ = scratch.add(from_.n() * frame.height * frame.width * from_.c());
    } else if (!from_.contiguous()) {
      from_at_ = scratch.add(from_.shape.count());
    }
    if (!to_.contiguous())
      to_at_ = scratch.add(to_.shape.count() * static_cast<std::int64_t>(size_of(to_.dtype)));
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return form_.convolution.primitive.implementation(); }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::int64_t packed_bytes() const override { return weight_bytes_ + 2 * vector_bytes_; }
  std::string packed_key() const override { return key_; }
  Status pack_constants(std::span<const TensorView> inputs, void* packed) const override;
  Status run(const KernelRun& run) override;

 private:
  void copy_into_frame(const std::uint8_t* x, std::uint8_t* to) const;

  EightBits form_;
  std::string key_;
  TensorDesc from_, to_;
  int threads_;
  bool has_residual_;
  std::int64_t weight_bytes_ = 0, vector_bytes_ = 0;  // weights, then scales, then biases
  std::int64_t library_at_ = 0, from_at_ = 0, to_at_ = 0, scratch_bytes_ = 0;
};

Status EightBitConvolution::pack_constants(std::span<const TensorView> inputs, void* packed) const {
  const TensorView& weight = inputs[kWeight];
  const auto count = static_cast<std::size_t>(weight.desc.shape.count());
  const std::size_t row = count / static_cast<std::size_t>(form_.outputs);
  std::vector<std::int8_t> dense(weight.as<const std::int8_t>(), weight.as<const std::int8_t>() + count);
  auto* const scales = scratch_at<float>(packed, weight_bytes_);
  auto* const biases = scratch_at<float>(packed, weight_bytes_ + vector_bytes_);
  const double to_y = form_.y.scale > 0 ? 1.0 / static_cast<double>(form_.y.scale) : 1.0;
  const double shift =
      form_.y.zero_point - form_.residual.zero_point * static_cast<double>(form_.residual.scale) * to_y;
  std::optional<FoldedBatchNorm> folded;
  if (form_.eps) folded.emplace(inputs, *form_.eps);
  for (std::int64_t o = 0; o < form_.outputs; ++o) {
    const double norm = folded ? folded->scale(o) : 1.0;
    const double plain =
        inputs[kBias].data != nullptr ? static_cast<double>(inputs[kBias].as<const float>()[o]) : 0.0;
    const double bias = (folded ? folded->bias(o) : plain) * to_y + shift;
    double scale =
        static_cast<double>(form_.x.scale) * static_cast<double>(weight.channel_scales[o]) * norm * to_y;
    std::int8_t* const taps = dense.data() + static_cast<std::size_t>(o) * row;
    constexpr double kNothing = 1e-30;  // smaller ones are not told from 0 in f32 once they divide
    if (std::abs(scale) < kNothing) {
      std::fill_n(taps, row, std::int8_t{0});
      scale = 1;
    }
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < row; ++i) sum += taps[i];
    scales[o] = static_cast<float>(scale);
    biases[o] = static_cast<float>(bias / scale - static_cast<double>(form_.x.zero_point * sum));
  }
  GRAPHRUN_ASSIGN(const auto plain, cpu::strided_desc(DType::s8, form_.source.shape, form_.source.strides));
  GRAPHRUN_ASSIGN(cpu::Primitive reorder, cpu::make_reorder(plain, form_.convolution.weight, threads_));
  std::vector<double> scratch(static_cast<std::size_t>(reorder.scratch_bytes()) / sizeof(double) + 1);
  void* const data[] = {dense.data(), packed};
  return reorder.run(data, scratch.data());
}

// Row by row, each with what is left and right of it.
void EightBitConvolution::copy_into_frame(const std::uint8_t* x, std::uint8_t* to) const {
  const Geometry& g = form_.g;
  const Frame& frame = form_.frame;
  const auto zero = static_cast<std::uint8_t>(form_.x.zero_point);
  const std::int64_t row_bytes = frame.width * g.c;
  const std::int64_t first = std::min(frame.left, frame.width) * g.c;
  const std::int64_t pixels = std::clamp<std::int64_t>(frame.width - frame.left, 0, g.w);
  constexpr std::int64_t kBytesOfPiece = 65536;
  const std::int64_t piece = std::max<std::int64_t>(1, kBytesOfPiece / row_bytes);
  cpu::parallel_for(threads_, g.n * frame.height, piece, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      const std::int64_t n = line / frame.height, row = line % frame.height - frame.top;
      std::uint8_t* const target = to + line * row_bytes;
      if (row < 0 || row >= g.h) {
        std::fill_n(target, row_bytes, zero);
        continue;
      }
      std::fill_n(target, first, zero);
      const std::uint8_t* const source = x + (n * g.h + row) * g.w * from_.pixel_stride;
      for (std::int64_t w = 0; w < pixels; ++w)
        std::copy_n(source + w * from_.pixel_stride, g.c, target + first + w * g.c);
      std::fill_n(target + first + pixels * g.c, row_bytes - first - pixels * g.c, zero);
    }
  });
}

Status EightBitConvolution::run(const KernelRun& run) {
  void* from = run.inputs[kX].data;
  if (form_.frame) {
    from = scratch_at(run.scratch, from_at_);
    copy_into_frame(run.inputs[kX].as<const std::uint8_t>(), static_cast<std::uint8_t*>(from));
  } else if (!from_.contiguous()) {
    from = scratch_at(run.scratch, from_at_);
    copy_pixels(from_, run.inputs[kX].data, from_.pixel_stride, from, from_.c(), threads_);
  }
  void* const y = run.outputs[0].data;
  void* const to = to_.contiguous() ? y : scratch_at(run.scratch, to_at_);
  if (has_residual_ && run.inputs[kResidual].data != to) {
    const TensorView& residual = run.inputs[kResidual];
    copy_pixels(to_, residual.data, residual.desc.pixel_stride, to, to_.c(), threads_);
  }
  void* const packed = const_cast<void*>(run.packed);
  void* const data[] = {from, packed, to, scratch_at(packed, weight_bytes_ + vector_bytes_),
                        scratch_at(packed, weight_bytes_)};
  GRAPHRUN_TRY(form_.convolution.primitive.run(data, scratch_at(run.scratch, library_at_)));
  if (to != y) copy_pixels(to_, to, to_.c(), y, to_.pixel_stride, threads_);
  return {};
}

// Rows and columns of x and the padding that the windows reach.
std::int64_t reach(std::int64_t outputs, std::int64_t stride, std::int64_t taps, std::int64_t dilation) {
  return (outputs - 1) * stride + (taps - 1) * dilation + 1;
}

// What x must lie in so that the library pads nothing; g is the convolution of that afterwards.
Frame take_frame(Geometry& g) {
  const std::int64_t height = reach(g.oh, g.sh, g.kh, g.dh), width = reach(g.ow, g.sw, g.kw, g.dw);
  if (g.ph == 0 && g.pw == 0 && height <= g.h && width <= g.w) return {};
  const Frame frame{g.ph, g.pw, height, width};
  g.h = height;
  g.w = width;
  g.ph = g.pw = 0;
  return frame;
}

bool is_byte(const TensorDesc& desc) { return desc.dtype == DType::u8 && desc.quantisation.scale > 0; }

Status check_operands(const KernelRequest& request) {
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
  const bool residual = request.inputs.size() > kResidual && request.input_present[kResidual];
  if (residual &&
      (request.inputs[kResidual].dtype != y.dtype || is_byte(request.inputs[kResidual]) != is_byte(y)))
    return {ErrorCode::declined, "the residual and y differ in their type"};
  return {};
}

void append(const Quantisation& q, std::string& key) {
  key.append(" ").append(std::to_string(std::bit_cast<std::uint32_t>(q.scale)));
  key.append(" ").append(std::to_string(q.zero_point));
}

Result<std::string> key_of(const EightBits& form) {
  GRAPHRUN_ASSIGN(std::string key, cpu::layout_key(form.convolution.weight));
  key = "eight bits " + key;
  for (const Quantisation& q : {form.x, form.y, form.residual}) append(q, key);
  for (const std::int64_t stride : form.source.strides) key.append(" ").append(std::to_string(stride));
  if (form.eps) key += " batch norm " + std::to_string(std::bit_cast<std::uint64_t>(*form.eps));
  return key;
}

Prepared prepare(const KernelRequest& request, std::optional<double> eps, bool relu) {
  GRAPHRUN_TRY(check_operands(request));
  const TensorDesc& x = request.inputs[kX];
  const TensorDesc& y = request.outputs[0];
  const Geometry of_x = library_geometry(request.attrs, x, y);
  Geometry g = of_x;
  const Frame frame = x.quantisation.zero_point != 0 ? take_frame(g) : Frame();
  GRAPHRUN_ASSIGN(cpu::ConvolutionDesc desc, describe(g, x.dtype, y.dtype));
  GRAPHRUN_ASSIGN(desc.bias, bias_desc(g));
  desc.channel_scales = true;
  desc.relu = relu;
  desc.relu_end = static_cast<float>(y.quantisation.zero_point);
  Quantisation residual;
  if (request.inputs.size() > kResidual && request.input_present[kResidual]) {
    residual = request.inputs[kResidual].quantisation;
    desc.add_to_y = true;
    if (is_byte(y)) desc.sum_scale = residual.scale / y.quantisation.scale;
  }
  GRAPHRUN_ASSIGN(cpu::Convolution convolution, cpu::make_convolution_forward(desc, request.threads));
  EightBits form{.convolution = std::move(convolution),
                 .source = source_of(g),
                 .eps = eps,
                 .x = x.quantisation,
                 .y = y.quantisation,
                 .residual = residual,
                 .outputs = g.o,
                 .frame = frame,
                 .g = of_x};
  GRAPHRUN_ASSIGN(std::string key, key_of(form));
  return std::unique_ptr<Kernel>(
      std::make_unique<EightBitConvolution>(request, std::move(form), std::move(key)));
}

}  // namespace

Prepared prepare_eight_bits(const KernelRequest& request) { return prepare(request, std::nullopt, false); }

Prepared prepare_batch_norm_eight_bits(const KernelRequest& request) {
  return prepare(request, request.attrs.real("eps"), request.attrs.text("activation") == "relu");
}

}  // namespace graphrun::ops::conv2d
