#include "ops/common/cuda_device.h"
#include "ops/common/scratch.h"
#include "ops/conv2d/cuda_engine.h"
#include "ops/conv2d/cuda_kernels.h"

namespace graphrun::ops::conv2d::gpu {
namespace {

class GradWeightKernel final : public Kernel {
 public:
  // Without an engine: the gradient of the bias alone.
  GradWeightKernel(const KernelRequest& request, const WeightLayout& form,
                   std::shared_ptr<const Engine> engine)
      : device_(device_of(request)),
        type_(request.inputs[0].dtype),
        form_(form),
        engine_(std::move(engine)),
        bias_(request.output_present[1]) {
    ScratchPlan scratch;
    if (bias_) bias_at_ = scratch.add(pixel_sum_bytes(request.inputs[0]));
    if (engine_) {
      const DType result = engine_->result_type();
      const bool filling = form.form_channels != form.channels || form.form_outputs != form.outputs;
      pack_gy_ = !fits(request.inputs[0], type_);
      pack_x_ = !fits(request.inputs[1], type_);
      unpack_ = !engine_->writes_anywhere() || result != DType::f32 || form.taps != 1 || filling;
      if (pack_gy_) gy_at_ = scratch.add(filled_bytes(request.inputs[0], type_));
      if (pack_x_) x_at_ = scratch.add(filled_bytes(request.inputs[1], type_));
      if (unpack_)
        weight_at_ = scratch.add(form.form_outputs * form.taps * form.form_channels *
                                 static_cast<std::int64_t>(size_of(result)));
      workspace_at_ = scratch.add(engine_->workspace_bytes());
    }
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return engine_ ? engine_->name() : "cuda"; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }

  Status run(const KernelRun& run) override {
    if (engine_) GRAPHRUN_TRY(weight(run));
    if (!bias_) return {};
    return sum_over_pixels(device_.stream(), run.inputs[0], scratch_at(run.scratch, bias_at_),
                           run.outputs[1].as<float>());
  }

 private:
  Status weight(const KernelRun& run) {
    const cudaStream_t stream = device_.stream();
    Operands operands;
    operands.y = run.inputs[0].data;
    operands.x = run.inputs[1].data;
    operands.workspace = scratch_at(run.scratch, workspace_at_);
    if (pack_gy_) {
      operands.y = scratch_at(run.scratch, gy_at_);
      GRAPHRUN_TRY(pack_pixels(stream, run.inputs[0], form_.form_outputs, type_, operands.y));
    }
    if (pack_x_) {
      operands.x = scratch_at(run.scratch, x_at_);
      GRAPHRUN_TRY(
          pack_pixels(stream, run.inputs[1], filled(run.inputs[1].desc.c(), type_), type_, operands.x));
    }
    operands.weight = unpack_ ? scratch_at(run.scratch, weight_at_) : run.outputs[0].data;
    GRAPHRUN_TRY(engine_->run(operands));
    if (!unpack_) return {};
    return unpack_weights(stream, form_, engine_->result_type(), operands.weight, run.outputs[0].as<float>());
  }

  cuda::Device& device_;
  DType type_;
  WeightLayout form_;
  std::shared_ptr<const Engine> engine_;
  bool bias_;
  bool pack_gy_ = false, pack_x_ = false, unpack_ = false;
  std::int64_t bias_at_ = 0, gy_at_ = 0, x_at_ = 0, weight_at_ = 0, workspace_at_ = 0, scratch_bytes_ = 0;
};

}  // namespace

Prepared prepare_grad_weight(const KernelRequest& request) {
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& x = request.inputs[1];
  GRAPHRUN_TRY(require_types(gy.dtype, x));
  Geometry g = geometry_of(request.attrs, x, gy);
  GRAPHRUN_TRY(require_taps(g.kernel_positions()));
  GRAPHRUN_ASSIGN(const WeightLayout form, library_form(g, gy.dtype));
  std::shared_ptr<const Engine> engine;
  if (request.output_present[0]) {
    GRAPHRUN_ASSIGN(engine,
                    choose_engine(device_of(request), {cuda::dnn::Convolution::grad_weight, g, gy.dtype}));
  }
  return std::unique_ptr<Kernel>(std::make_unique<GradWeightKernel>(request, form, std::move(engine)));
}

}  // namespace graphrun::ops::conv2d::gpu
