#include <array>

#include "ops/common/cuda_device.h"
#include "ops/conv2d/cuda_kernels.h"
#include "ops/conv2d/transpose.h"

namespace graphrun::ops::conv2d::gpu {
namespace {

constexpr std::array<Prepare, 3> kGradData{prepare_depthwise_grad_data, prepare_grad_data,
                                           prepare_grad_data_body};
constexpr std::array<Prepare, 3> kForward{prepare_depthwise, prepare_forward, prepare_forward_body};
constexpr std::array<Prepare, 3> kGradWeight{prepare_depthwise_grad_weight, prepare_grad_weight,
                                             prepare_grad_weight_body};

class Transposed final : public BorrowingKernel {
 public:
  Transposed(std::unique_ptr<Kernel> inner, cuda::Device& device)
      : BorrowingKernel(std::move(inner)), device_(device) {}

  Status run(const KernelRun& run) override {
    const TensorView& y = run.outputs[0];
    const std::array inputs{run.inputs[kX], run.inputs[kWeight], TensorView{y.desc, nullptr}};
    GRAPHRUN_TRY(inner()->run({inputs, run.outputs, run.scratch, run.packed}));
    const auto* const bias = run.inputs[kBias].as<const float>();
    if (bias == nullptr) return {};
    return finish_pixels(device_.stream(), y.data, y.desc.pixel_stride, {.bias = bias}, y);
  }

 private:
  cuda::Device& device_;
};

class TransposedGradWeight final : public BorrowedGradWeight {
 public:
  TransposedGradWeight(std::unique_ptr<Kernel> inner, const KernelRequest& request)
      : BorrowedGradWeight(std::move(inner),
                           request.output_present[1] ? pixel_sum_bytes(request.inputs[0]) : 0),
        device_(device_of(request)) {}

 private:
  Status sum_bias(const KernelRun& run, std::int64_t scratch) override {
    return sum_over_pixels(device_.stream(), run.inputs[0], scratch_at(run.scratch, scratch),
                           run.outputs[1].as<float>());
  }
  cuda::Device& device_;
};

}  // namespace

Prepared prepare_transpose(const KernelRequest& request) {
  GRAPHRUN_TRY(status_of(activation_type(request)));
  GRAPHRUN_ASSIGN(std::unique_ptr<Kernel> inner, borrow_grad_data(request, kGradData));
  return std::unique_ptr<Kernel>(std::make_unique<Transposed>(std::move(inner), device_of(request)));
}

Prepared prepare_transpose_grad_data(const KernelRequest& request) {
  GRAPHRUN_ASSIGN(std::unique_ptr<Kernel> inner, borrow_forward(request, kForward));
  return std::unique_ptr<Kernel>(std::make_unique<TransposedGradData>(std::move(inner)));
}

Prepared prepare_transpose_grad_weight(const KernelRequest& request) {
  GRAPHRUN_TRY(status_of(activation_type(request)));
  std::unique_ptr<Kernel> inner;
  if (request.output_present[0]) {
    GRAPHRUN_ASSIGN(inner, borrow_grad_weight(request, kGradWeight));
  }
  return std::unique_ptr<Kernel>(std::make_unique<TransposedGradWeight>(std::move(inner), request));
}

}  // namespace graphrun::ops::conv2d::gpu
