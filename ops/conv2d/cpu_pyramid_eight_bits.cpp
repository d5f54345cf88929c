#include <memory>
#include <vector>

#include "ops/common/bytes.h"
#include "ops/conv2d/kernels.h"
#include "runtime/cpu/onednn.h"

// conv2d_bn_pyramid of bytes: x meets its weights in 8 bits, which is nearly all of the work; levels, a few
// pixels each, and the sum of the two are wide. The levels are widened before, y is made narrow after.
namespace graphrun::ops::conv2d {
namespace {

class EightBitPyramid final : public Kernel {
 public:
  EightBitPyramid(std::unique_ptr<Kernel> wide, const KernelRequest& request,
                  std::span<const TensorDesc> inputs, const TensorDesc& output)
      : wide_(std::move(wide)),
        inputs_(inputs.begin(), inputs.end()),
        output_(output),
        threads_(request.threads) {
    ScratchPlan scratch;
    wide_at_ = scratch.add(wide_->scratch_bytes());
    for (std::size_t i = kLevels; i < inputs_.size(); ++i) {
      const bool widened = inputs_[i].dtype != request.inputs[i].dtype;
      level_at_.push_back(widened ? scratch.add(inputs_[i].bytes()) : kInPlace);
    }
    y_at_ = output.dtype != request.outputs[0].dtype ? scratch.add(output.bytes()) : kInPlace;
    scratch_bytes_ = scratch.bytes();
    views_.resize(inputs_.size());
  }
  std::string_view name() const override { return "pyramid_eight_bits"; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::int64_t packed_bytes() const override { return wide_->packed_bytes(); }
  std::string packed_key() const override { return wide_->packed_key(); }
  Status pack_constants(std::span<const TensorView> inputs, void* packed) const override {
    return wide_->pack_constants(inputs, packed);
  }
  Status run(const KernelRun& run) override {
    std::copy_n(run.inputs.begin(), kLevels, views_.begin());
    for (std::size_t i = kLevels; i < inputs_.size(); ++i) {
      const std::int64_t at = level_at_[i - kLevels];
      views_[i] = run.inputs[i];
      if (at == kInPlace) continue;
      views_[i] = {inputs_[i], scratch_at(run.scratch, at)};
      dequantise(run.inputs[i], views_[i], PixelRows({run.inputs[i].desc, inputs_[i]}), threads_);
    }
    TensorView y = run.outputs[0];
    if (y_at_ != kInPlace) y = {output_, scratch_at(run.scratch, y_at_)};
    GRAPHRUN_TRY(wide_->run({views_, std::span(&y, 1), scratch_at(run.scratch, wide_at_), run.packed}));
    if (y_at_ != kInPlace) quantise(y, run.outputs[0], PixelRows({output_, run.outputs[0].desc}), threads_);
    return {};
  }

 private:
  static constexpr std::int64_t kInPlace = -1;
  std::unique_ptr<Kernel> wide_;
  std::vector<TensorDesc> inputs_;  // as the wide kernel reads them
  TensorDesc output_;               // as it writes it
  std::vector<TensorView> views_;   // of a run
  std::vector<std::int64_t> level_at_;
  std::int64_t wide_at_ = 0, y_at_ = kInPlace, scratch_bytes_ = 0;
  int threads_;
};

}  // namespace

Prepared prepare_pyramid_eight_bits(const KernelRequest& request) {
  if (request.inputs[kX].dtype != DType::u8 || request.inputs[kWeight].dtype != DType::s8)
    return {ErrorCode::declined, "multiplies activations in u8 with weights in s8"};
  const auto is_wide = [](const TensorDesc& desc) {
    return desc.dtype == DType::f32 || desc.dtype == DType::bf16;
  };
  DType wide = cpu::multiplies_bf16() ? DType::bf16 : DType::f32;
  if (is_wide(request.outputs[0])) wide = request.outputs[0].dtype;
  std::vector<TensorDesc> inputs(request.inputs.begin(), request.inputs.end());
  for (TensorDesc& level : std::span(inputs).subspan(kLevels)) {
    if (is_wide(level) && level.dtype != wide)
      return {ErrorCode::declined, "wide levels and y differ in their type"};
    if (!is_wide(level)) level = TensorDesc::nhwc(wide, level.shape);
  }
  TensorDesc output = request.outputs[0];
  if (!is_wide(output)) output = TensorDesc::nhwc(wide, output.shape);
  KernelRequest of_wide = request;
  of_wide.inputs = inputs;
  of_wide.outputs = std::span(&output, 1);
  GRAPHRUN_ASSIGN(std::unique_ptr<Kernel> kernel, prepare_pyramid(of_wide));
  return std::unique_ptr<Kernel>(
      std::make_unique<EightBitPyramid>(std::move(kernel), request, inputs, output));
}

}  // namespace graphrun::ops::conv2d
