#include <string>

#include "ops/common/cuda_device.h"
#include "ops/common/scratch.h"
#include "ops/conv2d/cuda_engine.h"
#include "ops/conv2d/cuda_kernels.h"

// conv2d and conv2d_bn. Weights are packed for the library once where they are constant, else in each run.
namespace graphrun::ops::conv2d::gpu {
namespace {

struct Options {
  bool fold = false;  // conv2d_bn
  double eps = 0;
  bool bias = false;  // of the convolution or of the fold
  bool residual = false, relu = false;
  bool constant = false;
};

class ForwardKernel final : public Kernel {
 public:
  static Prepared make(const KernelRequest& request, const Options& options);

  std::string_view name() const override { return engine_->name(); }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::int64_t packed_bytes() const override { return options_.constant ? form_bytes_ : 0; }
  std::string packed_key() const override;
  Status pack_constants(std::span<const TensorView> inputs, void* packed) const override {
    return make_form(inputs, packed);
  }
  Status run(const KernelRun& run) override;

 private:
  ForwardKernel(const KernelRequest& request, const Options& options)
      : device_(device_of(request)),
        options_(options),
        x_(request.inputs[kX]),
        y_(request.outputs[0]),
        type_(y_.dtype) {}
  Status make_form(std::span<const TensorView> inputs, void* form) const;

  cuda::Device& device_;
  Options options_;
  TensorDesc x_, y_;
  DType type_;
  std::shared_ptr<const Engine> engine_;
  WeightLayout form_;
  std::int64_t channels_ = 0;  // of x, as the library sees it
  bool pack_x_ = false;
  bool apart_ = false;  // the library writes to scratch, and a kernel finishes
  bool pack_bias_ = false;
  std::int64_t bias_at_ = 0, narrow_bias_at_ = 0, form_bytes_ = 0;  // bytes into the form
  std::int64_t form_at_ = 0, x_at_ = 0, y_at_ = 0, workspace_at_ = 0, scratch_bytes_ = 0;
};

Prepared ForwardKernel::make(const KernelRequest& request, const Options& options) {
  std::unique_ptr<ForwardKernel> kernel(new ForwardKernel(request, options));
  const TensorDesc& x = kernel->x_;
  const TensorDesc& y = kernel->y_;
  const DType type = kernel->type_;
  GRAPHRUN_TRY(require_types(type, x));
  Geometry g = geometry_of(request.attrs, x, y);
  GRAPHRUN_TRY(require_taps(g.kernel_positions()));
  GRAPHRUN_ASSIGN(kernel->form_, library_form(g, type));
  kernel->channels_ = g.c;
  kernel->pack_x_ = !fits(x, type);
  kernel->apart_ = !fits(y, type) || (options.residual && !fits(request.inputs[kResidual], type));
  if (options.residual && request.inputs[kResidual].dtype != type)
    return {ErrorCode::declined, "activations differ in their type"};
  // Variables lie one after the other without gaps: the library would not take their addresses.
  kernel->pack_bias_ = options.bias && (options.fold || !kernel->apart_);

  Problem problem{cuda::dnn::Convolution::forward, g, type};
  if (!kernel->apart_) {
    problem.bias = options.bias;
    problem.residual = options.residual;
    problem.relu = options.relu;
  }
  GRAPHRUN_ASSIGN(kernel->engine_, choose_engine(kernel->device_, problem));

  ScratchPlan form;
  form.add(g.o * g.kernel_positions() * g.group_channels() * static_cast<std::int64_t>(size_of(type)));
  if (kernel->pack_bias_) {
    kernel->bias_at_ = form.add(y.c() * static_cast<std::int64_t>(sizeof(float)));
    kernel->narrow_bias_at_ = form.add(y.c() * static_cast<std::int64_t>(sizeof(BFloat16)));
  }
  kernel->form_bytes_ = form.bytes();
  ScratchPlan scratch;
  kernel->form_at_ = scratch.add(options.constant ? 0 : kernel->form_bytes_);
  kernel->x_at_ = scratch.add(kernel->pack_x_ ? filled_bytes(x, type) : 0);
  kernel->y_at_ = scratch.add(kernel->apart_ ? filled_bytes(y, type) : 0);
  kernel->workspace_at_ = scratch.add(kernel->engine_->workspace_bytes());
  kernel->scratch_bytes_ = scratch.bytes();
  return std::unique_ptr<Kernel>(std::move(kernel));
}

std::string ForwardKernel::packed_key() const {
  std::string key = "cuda conv2d " + std::string(to_string(type_)) + " " +
                    std::to_string(form_.form_outputs) + " " + std::to_string(form_.form_channels);
  if (pack_bias_) key += " bias";
  if (options_.fold) key += " " + fold_key(options_.eps);
  return key;
}

Status ForwardKernel::make_form(std::span<const TensorView> inputs, void* form) const {
  const Fold fold = options_.fold ? fold_of(inputs, options_.eps) : Fold();
  const auto* const weight = inputs[kWeight].as<const float>();
  GRAPHRUN_TRY(pack_weights(device_.stream(), form_, fold, weight, type_, form));
  if (!pack_bias_) return {};
  return pack_bias(device_.stream(), fold, inputs[kBias].as<const float>(), form_.outputs,
                   scratch_at<float>(form, bias_at_), scratch_at(form, narrow_bias_at_));
}

Status ForwardKernel::run(const KernelRun& run) {
  void* form = const_cast<void*>(run.packed);
  if (!options_.constant) {
    form = scratch_at(run.scratch, form_at_);
    GRAPHRUN_TRY(make_form(run.inputs, form));
  }
  Operands operands;
  operands.weight = form;
  operands.workspace = scratch_at(run.scratch, workspace_at_);
  if (options_.bias) {
    operands.bias = pack_bias_ ? scratch_at<float>(form, bias_at_) : run.inputs[kBias].as<float>();
    operands.narrow_bias = type_ == DType::f32 ? operands.bias : scratch_at(form, narrow_bias_at_);
  }
  const TensorView* const residual = options_.residual ? &run.inputs[kResidual] : nullptr;
  if (residual != nullptr) operands.residual = residual->data;
  operands.x = run.inputs[kX].data;
  if (pack_x_) {
    operands.x = scratch_at(run.scratch, x_at_);
    GRAPHRUN_TRY(pack_pixels(device_.stream(), run.inputs[kX], channels_, type_, operands.x));
  }
  const TensorView& y = run.outputs[0];
  operands.y = apart_ ? scratch_at(run.scratch, y_at_) : y.data;
  GRAPHRUN_TRY(engine_->run(operands));
  if (!apart_) return {};
  const Epilogue epilogue{operands.bias, operands.residual,
                          residual != nullptr ? residual->desc.pixel_stride : 0, options_.relu};
  return finish_pixels(device_.stream(), operands.y, form_.form_outputs, epilogue, y);
}

}  // namespace

Prepared prepare_forward(const KernelRequest& request) {
  const bool bias = request.input_present[kBias];
  return ForwardKernel::make(
      request, {.bias = bias,
                .constant = request.input_constant[kWeight] && (!bias || request.input_constant[kBias])});
}

Prepared prepare_batch_norm(const KernelRequest& request) {
  GRAPHRUN_TRY(require_constants(request));
  return ForwardKernel::make(request, {.fold = true,
                                       .eps = request.attrs.real("eps"),
                                       .bias = true,
                                       .residual = request.input_present[kResidual],
                                       .relu = request.attrs.text("activation") == "relu",
                                       .constant = true});
}

}  // namespace graphrun::ops::conv2d::gpu
