#include <algorithm>
#include <bit>
#include <memory>
#include <optional>
#include <vector>

#include "ops/common/activation.h"
#include "ops/common/copy_pixels.h"
#include "ops/conv2d/cpu_library.h"
#include "ops/conv2d/kernels.h"
#include "runtime/core/round_up.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/parallel.h"

// conv2d, conv2d_bn and conv2d_grad_data by oneDNN. The library's fast implementations take NHWC without gaps
// and weights in blocked layouts of their own, so activations with gaps are packed first and weights are
// reordered: once where they are constant, else in each run.
namespace graphrun::ops::conv2d {
namespace {

struct Plan {
  cpu::Convolution convolution;
  WeightSource source;
  // Where input 0 and the output stand among x, weight and y.
  std::size_t from_argument = 0;
  std::size_t to_argument = 2;
  bool constant = false;             // weights are prepared
  std::optional<double> fold_eps{};  // batch norm is a part of the prepared weights and bias
  bool bias = false;
  bool carry = false;  // rounding of weights, from tap to tap
};

std::int64_t gathered_bytes(const TensorDesc& desc) {
  return desc.contiguous() ? 0 : desc.shape.count() * static_cast<std::int64_t>(size_of(desc.dtype));
}

// Each row of `taps` weights from its end to its beginning.
void reverse_rows(const float* from, float* to, std::int64_t rows, std::int64_t taps, int threads) {
  cpu::parallel_for(threads, rows, 4096, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t k = 0; k < taps; ++k) to[row * taps + k] = from[row * taps + taps - 1 - k];
    }
  });
}

Result<cpu::Primitive> reorder_of(const Plan& plan, DType dtype, int threads) {
  GRAPHRUN_ASSIGN(const auto dense, cpu::strided_desc(dtype, plan.source.shape, plan.source.strides));
  return cpu::make_reorder(dense, plan.convolution.weight, threads);
}

class LibraryConvolution final : public Kernel {
 public:
  LibraryConvolution(const KernelRequest& request, Plan plan, std::optional<cpu::Primitive> reorder,
                     std::string key)
      : plan_(std::move(plan)),
        reorder_(std::move(reorder)),
        key_(std::move(key)),
        from_(request.inputs[0]),
        to_(request.outputs[0]),
        variable_(request.inputs[1]),
        threads_(request.threads) {
    weight_bytes_ = core::whole_lines(static_cast<std::int64_t>(plan_.convolution.weight.get_size()));
    ScratchPlan scratch;
    library_at_ = scratch.add(
        std::max(plan_.convolution.primitive.scratch_bytes(), reorder_ ? reorder_->scratch_bytes() : 0));
    from_at_ = scratch.add(gathered_bytes(from_));
    to_at_ = scratch.add(gathered_bytes(to_));
    if (reorder_) {
      weight_at_ = scratch.add(weight_bytes_);
      if (plan_.source.reverse_taps) reversed_at_ = scratch.add(variable_.bytes());
    }
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return plan_.convolution.primitive.implementation(); }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }

  std::int64_t packed_bytes() const override {
    if (!plan_.constant) return 0;
    const auto bias = static_cast<std::int64_t>(sizeof(float)) * variable_.shape[0];
    return weight_bytes_ + (plan_.fold_eps ? bias : 0);
  }
  std::string packed_key() const override { return key_; }
  Status pack_constants(std::span<const TensorView> inputs, void* packed) const override;
  Status run(const KernelRun& run) override;

 private:
  void reverse(const float* from, float* to) const {
    const std::int64_t taps = variable_.shape[2] * variable_.shape[3];
    reverse_rows(from, to, variable_.shape.count() / taps, taps, threads_);
  }

  Plan plan_;
  std::optional<cpu::Primitive> reorder_;  // of weights that are not constant
  std::string key_;
  TensorDesc from_, to_, variable_;
  int threads_;
  std::int64_t weight_bytes_ = 0;
  std::int64_t library_at_ = 0, from_at_ = 0, to_at_ = 0, weight_at_ = 0, reversed_at_ = 0;
  std::int64_t scratch_bytes_ = 0;
};

Status LibraryConvolution::pack_constants(std::span<const TensorView> inputs, void* packed) const {
  const auto count = static_cast<std::size_t>(variable_.shape.count());
  const auto channels = static_cast<std::size_t>(variable_.shape[0]);
  const std::size_t row = count / channels;
  const float* const weight = inputs[1].as<const float>();
  const auto form = std::make_unique_for_overwrite<float[]>(count);
  if (plan_.source.reverse_taps) {
    reverse(weight, form.get());
  } else {
    std::copy_n(weight, count, form.get());
  }
  if (plan_.fold_eps) {
    float* const bias = scratch_at<float>(packed, weight_bytes_);
    const FoldedBatchNorm folded(inputs, *plan_.fold_eps);
    for (std::size_t o = 0; o < channels; ++o) {
      const double scale = folded.scale(static_cast<std::int64_t>(o));
      bias[o] = static_cast<float>(folded.bias(static_cast<std::int64_t>(o)));
      for (std::size_t i = o * row; i < (o + 1) * row; ++i)
        form[i] = static_cast<float>(static_cast<double>(form[i]) * scale);
    }
  }
  if (plan_.carry) {
    const std::int64_t taps = variable_.shape[2] * variable_.shape[3];
    for (std::int64_t i = 0; i < variable_.shape.count(); i += taps) carry_rounding(form.get() + i, taps, 1);
  }
  GRAPHRUN_ASSIGN(cpu::Primitive reorder, reorder_of(plan_, variable_.dtype, threads_));
  std::vector<double> scratch(static_cast<std::size_t>(reorder.scratch_bytes()) / sizeof(double) + 1);
  void* const data[] = {form.get(), packed};
  return reorder.run(data, scratch.data());
}

Status LibraryConvolution::run(const KernelRun& run) {
  void* const library = scratch_at(run.scratch, library_at_);
  void* weight = const_cast<void*>(run.packed);
  if (reorder_) {
    void* dense = run.inputs[1].data;
    if (plan_.source.reverse_taps) {
      reverse(run.inputs[1].as<const float>(), scratch_at<float>(run.scratch, reversed_at_));
      dense = scratch_at(run.scratch, reversed_at_);
    }
    weight = scratch_at(run.scratch, weight_at_);
    void* const data[] = {dense, weight};
    GRAPHRUN_TRY(reorder_->run(data, library));
  }

  void* from = run.inputs[0].data;
  if (!from_.contiguous()) {
    from = scratch_at(run.scratch, from_at_);
    copy_pixels(from_, run.inputs[0].data, from_.pixel_stride, from, from_.c(), threads_);
  }
  void* const y = run.outputs[0].data;
  void* const to = to_.contiguous() ? y : scratch_at(run.scratch, to_at_);
  if (const TensorView residual = residual_of(run); residual.data != nullptr && residual.data != to)
    copy_pixels(to_, residual.data, residual.desc.pixel_stride, to, to_.c(), threads_);
  void* data[] = {nullptr, weight, nullptr, nullptr};
  data[plan_.from_argument] = from;
  data[plan_.to_argument] = to;
  if (plan_.bias) data[3] = plan_.fold_eps ? scratch_at(weight, weight_bytes_) : run.inputs[kBias].data;
  GRAPHRUN_TRY(plan_.convolution.primitive.run(std::span<void* const>(data, plan_.bias ? 4 : 3), library));
  if (to != y) copy_pixels(to_, to, to_.c(), y, to_.pixel_stride, threads_);
  return {};
}

WeightSource exchanged_source_of(const Geometry& g) {
  const std::int64_t outputs = g.group_outputs(), channels = g.group_channels(), taps = g.kernel_positions();
  return grouped(g, {{channels, outputs, g.kh, g.kw}, {taps, channels * taps, g.kw, 1}, taps > 1});
}

Prepared finish(const KernelRequest& request, Plan plan) {
  std::optional<cpu::Primitive> reorder;
  std::string key;
  if (plan.constant) {
    GRAPHRUN_ASSIGN(key, cpu::layout_key(plan.convolution.weight));
    key = "onednn " + key + (plan.source.reverse_taps ? " reversed" : "") + (plan.carry ? " carried" : "");
    for (const std::int64_t stride : plan.source.strides) key.append(" ").append(std::to_string(stride));
    if (plan.fold_eps) key += " batch norm " + std::to_string(std::bit_cast<std::uint64_t>(*plan.fold_eps));
  } else {
    GRAPHRUN_ASSIGN(reorder, reorder_of(plan, request.inputs[1].dtype, request.threads));
  }
  return std::unique_ptr<Kernel>(
      std::make_unique<LibraryConvolution>(request, std::move(plan), std::move(reorder), std::move(key)));
}

}  // namespace

bool carries_rounding(const KernelRequest& request, const Geometry& g) {
  return request.inputs[kX].dtype == DType::bf16 && g.kernel_positions() > 1 && request.attrs.flag("carry");
}

Prepared prepare_forward(const KernelRequest& request) {
  const Geometry g = library_geometry(request.attrs, request.inputs[0], request.outputs[0]);
  GRAPHRUN_ASSIGN(cpu::ConvolutionDesc desc, describe(g, request.inputs[0].dtype, request.outputs[0].dtype));
  const bool bias = request.input_present[kBias];
  if (bias) {
    GRAPHRUN_ASSIGN(desc.bias, bias_desc(g));
  }
  GRAPHRUN_ASSIGN(cpu::Convolution convolution, cpu::make_convolution_forward(desc, request.threads));
  return finish(request, {.convolution = std::move(convolution),
                          .source = source_of(g),
                          .constant = request.input_constant[1],
                          .bias = bias});
}

Prepared prepare_batch_norm(const KernelRequest& request) {
  for (std::size_t i = 1; i < kResidual; ++i) {
    if (request.input_present[i] && !request.input_constant[i])
      return {ErrorCode::declined, "folds batch norm into constant weights only"};
  }
  if (request.input_present[kResidual] && request.inputs[kResidual].dtype != request.outputs[0].dtype)
    return {ErrorCode::declined, "the residual and y differ in their type"};
  const Geometry g = library_geometry(request.attrs, request.inputs[0], request.outputs[0]);
  GRAPHRUN_ASSIGN(cpu::ConvolutionDesc desc, describe(g, request.inputs[0].dtype, request.outputs[0].dtype));
  GRAPHRUN_ASSIGN(desc.bias, bias_desc(g));
  // A sum into y keeps the library's fastest implementations; a binary post-op with the residual does not.
  desc.add_to_y = request.input_present[kResidual];
  desc.relu = request.attrs.text("activation") == "relu";
  GRAPHRUN_ASSIGN(cpu::Convolution convolution, cpu::make_convolution_forward(desc, request.threads));
  return finish(request, {.convolution = std::move(convolution),
                          .source = source_of(g),
                          .constant = true,
                          .fold_eps = request.attrs.real("eps"),
                          .bias = true,
                          .carry = carries_rounding(request, g)});
}

// The gradient is the convolution of gy with the kernel turned by half a turn.
Prepared prepare_grad_data_turned(const KernelRequest& request) {
  const Geometry g = library_geometry(request.attrs, request.outputs[0], request.inputs[0]);
  const Geometry flipped = flipped_geometry(g);
  if (g.sh != 1 || g.sw != 1 || flipped.ph < 0 || flipped.pw < 0)
    return {ErrorCode::declined, "takes stride 1, and no more padding than the window reaches"};
  GRAPHRUN_ASSIGN(const cpu::ConvolutionDesc desc,
                  describe(flipped, request.inputs[0].dtype, request.outputs[0].dtype));
  GRAPHRUN_ASSIGN(cpu::Convolution convolution, cpu::make_convolution_forward(desc, request.threads));
  return finish(request, {.convolution = std::move(convolution),
                          .source = exchanged_source_of(g),
                          .constant = request.input_constant[1]});
}

Prepared prepare_grad_data(const KernelRequest& request) {
  const Geometry g = library_geometry(request.attrs, request.outputs[0], request.inputs[0]);
  GRAPHRUN_ASSIGN(const cpu::ConvolutionDesc desc,
                  describe(g, request.outputs[0].dtype, request.inputs[0].dtype));
  GRAPHRUN_ASSIGN(cpu::Convolution convolution, cpu::make_convolution_backward_data(desc, request.threads));
  return finish(request, {.convolution = std::move(convolution),
                          .source = source_of(g),
                          .from_argument = 2,
                          .to_argument = 0,
                          .constant = request.input_constant[1]});
}

}  // namespace graphrun::ops::conv2d
