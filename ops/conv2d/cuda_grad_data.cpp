#include "ops/common/cuda_device.h"
#include "ops/common/scratch.h"
#include "ops/conv2d/cuda_engine.h"
#include "ops/conv2d/cuda_kernels.h"

namespace graphrun::ops::conv2d::gpu {
namespace {

class GradDataKernel final : public Kernel {
 public:
  GradDataKernel(const KernelRequest& request, const WeightLayout& form, std::shared_ptr<const Engine> engine)
      : device_(device_of(request)),
        type_(request.outputs[0].dtype),
        form_(form),
        engine_(std::move(engine)),
        pack_gy_(!fits(request.inputs[0], type_)),
        apart_(!fits(request.outputs[0], type_)) {
    ScratchPlan scratch;
    weight_at_ = scratch.add(form.form_outputs * form.taps * form.form_channels *
                             static_cast<std::int64_t>(size_of(type_)));
    if (pack_gy_) gy_at_ = scratch.add(filled_bytes(request.inputs[0], type_));
    if (apart_) gx_at_ = scratch.add(filled_bytes(request.outputs[0], type_));
    workspace_at_ = scratch.add(engine_->workspace_bytes());
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return engine_->name(); }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }

  Status run(const KernelRun& run) override {
    const cudaStream_t stream = device_.stream();
    const TensorView& gy = run.inputs[0];
    const TensorView& gx = run.outputs[0];
    Operands operands;
    operands.weight = scratch_at(run.scratch, weight_at_);
    operands.workspace = scratch_at(run.scratch, workspace_at_);
    const auto* const weight = run.inputs[1].as<const float>();
    GRAPHRUN_TRY(engine_->flipped() ? turn_weights(stream, form_, weight, type_, operands.weight)
                                    : pack_weights(stream, form_, {}, weight, type_, operands.weight));
    operands.y = gy.data;
    if (pack_gy_) {
      operands.y = scratch_at(run.scratch, gy_at_);
      GRAPHRUN_TRY(pack_pixels(stream, gy, form_.form_outputs, type_, operands.y));
    }
    operands.x = apart_ ? scratch_at(run.scratch, gx_at_) : gx.data;
    GRAPHRUN_TRY(engine_->run(operands));
    return apart_ ? finish_pixels(stream, operands.x, filled(gx.desc.c(), type_), {}, gx) : Status();
  }

 private:
  cuda::Device& device_;
  DType type_;
  WeightLayout form_;
  std::shared_ptr<const Engine> engine_;
  bool pack_gy_, apart_;
  std::int64_t weight_at_ = 0, gy_at_ = 0, gx_at_ = 0, workspace_at_ = 0, scratch_bytes_ = 0;
};

}  // namespace

Prepared prepare_grad_data(const KernelRequest& request) {
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  GRAPHRUN_TRY(require_types(gx.dtype, gy));
  Geometry g = geometry_of(request.attrs, gx, gy);
  GRAPHRUN_TRY(require_taps(g.kernel_positions()));
  GRAPHRUN_ASSIGN(const WeightLayout form, library_form(g, gx.dtype));
  GRAPHRUN_ASSIGN(std::shared_ptr<const Engine> engine,
                  choose_engine(device_of(request), {cuda::dnn::Convolution::grad_data, g, gx.dtype}));
  return std::unique_ptr<Kernel>(std::make_unique<GradDataKernel>(request, form, std::move(engine)));
}

}  // namespace graphrun::ops::conv2d::gpu
