#include <array>

#include "ops/common/compute_type.h"
#include "ops/conv2d/cpu_training_kernels.h"
#include "ops/conv2d/transpose.h"

namespace graphrun::ops::conv2d {
namespace {

constexpr std::array<Prepare, 1> kWinograd{prepare_winograd_grad_data};
constexpr std::array<Prepare, 4> kForward{prepare_depthwise, prepare_winograd_forward, prepare_forward,
                                          prepare_forward_body};
constexpr std::array<Prepare, 6> kGradWeight{prepare_depthwise_grad_weight, prepare_winograd_grad_weight,
                                             prepare_grad_weight_products,  prepare_grad_weight_pixels,
                                             prepare_grad_weight,           prepare_grad_weight_body};

class TransposedGradData final : public BorrowingKernel {
 public:
  using BorrowingKernel::BorrowingKernel;
  Status run(const KernelRun& run) override {
    const std::array inputs{run.inputs[0], run.inputs[1], TensorView()};
    return inner()->run({inputs, run.outputs, run.scratch, run.packed});
  }
};

class TransposedGradWeight final : public BorrowingKernel {
 public:
  TransposedGradWeight(std::unique_ptr<Kernel> inner, const KernelRequest& request)
      : BorrowingKernel(std::move(inner)), threads_(request.threads) {
    ScratchPlan plan;
    plan.add(BorrowingKernel::scratch_bytes());
    if (request.output_present[1]) bias_at_ = plan.add(bias_scratch_bytes(request.inputs[0]));
    bytes_ = plan.bytes();
  }
  std::int64_t scratch_bytes() const override { return bytes_; }

  Status run(const KernelRun& run) override {
    if (inner() != nullptr) {
      const std::array inputs{run.inputs[1], run.inputs[0], run.inputs[2]};
      const std::array outputs{run.outputs[0], TensorView()};
      GRAPHRUN_TRY(inner()->run({inputs, outputs, run.scratch, nullptr}));
    }
    if (run.outputs[1].data != nullptr)
      sum_pixels(run.inputs[0], run.outputs[1].as<float>(), scratch_at<double>(run.scratch, bias_at_),
                 threads_);
    return {};
  }

 private:
  int threads_;
  std::int64_t bias_at_ = 0, bytes_ = 0;
};

}  // namespace

Prepared prepare_transpose_by_winograd(const KernelRequest& request) {
  return prepare_transpose_by(request, kWinograd);
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

}  // namespace graphrun::ops::conv2d
