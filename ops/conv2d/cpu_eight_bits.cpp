#include <memory>
#include <vector>

#include "ops/common/bytes.h"
#include "ops/common/copy_pixels.h"
#include "ops/conv2d/cpu_library.h"
#include "ops/conv2d/eight_bits.h"
#include "ops/conv2d/frame.h"
#include "ops/conv2d/kernels.h"
#include "runtime/core/round_up.h"
#include "runtime/cpu/onednn.h"

// conv2d and conv2d_bn of u8 activations and s8 weights by oneDNN. It computes factor (a + bias') with
// bias' = shift / factor. The padding is integers of 0 to the library, so that an x with another zero point
// is copied into a frame of these first.
namespace graphrun::ops::conv2d {
namespace {

struct EightBits {
  cpu::Convolution convolution;
  WeightSource source;
  ByteForm bytes;
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
        threads_(request.threads) {
    weight_bytes_ = core::whole_lines(static_cast<std::int64_t>(form_.convolution.weight.get_size()));
    vector_bytes_ = core::whole_lines(form_.bytes.outputs * 4);
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
  EightBits form_;
  std::string key_;
  TensorDesc from_, to_;
  int threads_;
  std::int64_t weight_bytes_ = 0, vector_bytes_ = 0;  // weights, then scales, then biases
  std::int64_t library_at_ = 0, from_at_ = 0, to_at_ = 0, scratch_bytes_ = 0;
};

Status EightBitConvolution::pack_constants(std::span<const TensorView> inputs, void* packed) const {
  const TensorView& weight = inputs[kWeight];
  const auto count = static_cast<std::size_t>(weight.desc.shape.count());
  std::vector<std::int8_t> dense(weight.as<const std::int8_t>(), weight.as<const std::int8_t>() + count);
  auto* scale = scratch_at<float>(packed, weight_bytes_);
  auto* bias = scratch_at<float>(packed, weight_bytes_ + vector_bytes_);
  for (const auto& [factor, shift] : fold_bytes(form_.bytes, inputs, dense)) {
    *scale++ = static_cast<float>(factor);
    *bias++ = static_cast<float>(shift / factor);
  }
  GRAPHRUN_ASSIGN(const auto plain, cpu::strided_desc(DType::s8, form_.source.shape, form_.source.strides));
  GRAPHRUN_ASSIGN(cpu::Primitive reorder, cpu::make_reorder(plain, form_.convolution.weight, threads_));
  std::vector<double> scratch(static_cast<std::size_t>(reorder.scratch_bytes()) / sizeof(double) + 1);
  void* const data[] = {dense.data(), packed};
  return reorder.run(data, scratch.data());
}

Status EightBitConvolution::run(const KernelRun& run) {
  void* from = run.inputs[kX].data;
  if (form_.frame) {
    from = scratch_at(run.scratch, from_at_);
    copy_into_frame(form_.g, form_.frame, static_cast<std::uint8_t>(form_.bytes.x.zero_point),
                    run.inputs[kX].data, from_.pixel_stride, from, threads_);
  } else if (!from_.contiguous()) {
    from = scratch_at(run.scratch, from_at_);
    copy_pixels(from_, run.inputs[kX].data, from_.pixel_stride, from, from_.c(), threads_);
  }
  void* const y = run.outputs[0].data;
  void* const to = to_.contiguous() ? y : scratch_at(run.scratch, to_at_);
  if (const TensorView residual = residual_of(run); residual.data != nullptr && residual.data != to)
    copy_pixels(to_, residual.data, residual.desc.pixel_stride, to, to_.c(), threads_);
  void* const packed = const_cast<void*>(run.packed);
  void* const data[] = {from, packed, to, scratch_at(packed, weight_bytes_ + vector_bytes_),
                        scratch_at(packed, weight_bytes_)};
  GRAPHRUN_TRY(form_.convolution.primitive.run(data, scratch_at(run.scratch, library_at_)));
  if (to != y) copy_pixels(to_, to, to_.c(), y, to_.pixel_stride, threads_);
  return {};
}

// What x must lie in so that the library pads nothing; g is the convolution of that afterwards.
Frame take_frame(Geometry& g) {
  const Frame frame = frame_of(g, 1);
  if (g.ph == 0 && g.pw == 0 && frame.height <= g.h && frame.width <= g.w) return {};
  g.h = frame.height;
  g.w = frame.width;
  g.ph = g.pw = 0;
  return frame;
}

Result<std::string> key_of(const EightBits& form) {
  GRAPHRUN_ASSIGN(std::string key, cpu::layout_key(form.convolution.weight));
  key = "eight bits " + key + form.bytes.key();
  for (const std::int64_t stride : form.source.strides) key.append(" ").append(std::to_string(stride));
  return key;
}

Prepared prepare(const KernelRequest& request, const BatchNormForm& norm) {
  GRAPHRUN_TRY(check_byte_operands(request));
  const TensorDesc& x = request.inputs[kX];
  const TensorDesc& y = request.outputs[0];
  const Geometry of_x = library_geometry(request.attrs, x, y);
  Geometry g = of_x;
  const Frame frame = x.quantisation.zero_point != 0 ? take_frame(g) : Frame();
  GRAPHRUN_ASSIGN(cpu::ConvolutionDesc desc, describe(g, x.dtype, y.dtype));
  GRAPHRUN_ASSIGN(desc.bias, bias_desc(g));
  desc.channel_scales = true;
  desc.relu = norm.relu;
  desc.relu_end = static_cast<float>(y.quantisation.zero_point);
  const ByteForm bytes = byte_form(request, norm.eps);
  desc.add_to_y = has_residual(request);
  if (desc.add_to_y && is_byte(y)) desc.sum_scale = bytes.residual.scale / bytes.y.scale;
  GRAPHRUN_ASSIGN(cpu::Convolution convolution, cpu::make_convolution_forward(desc, request.threads));
  EightBits form{.convolution = std::move(convolution),
                 .source = source_of(g),
                 .bytes = bytes,
                 .frame = frame,
                 .g = of_x};
  GRAPHRUN_ASSIGN(std::string key, key_of(form));
  return std::unique_ptr<Kernel>(
      std::make_unique<EightBitConvolution>(request, std::move(form), std::move(key)));
}

}  // namespace

Prepared prepare_eight_bits(const KernelRequest& request) { return prepare(request, {}); }

Prepared prepare_batch_norm_eight_bits(const KernelRequest& request) {
  return prepare(request, batch_norm_form(request));
}

}  // namespace graphrun::ops::conv2d
