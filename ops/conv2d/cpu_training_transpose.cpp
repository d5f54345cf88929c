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

class TransposedGradWeight final : public BorrowedGradWeight {
 public:
  TransposedGradWeight(std::unique_ptr<Kernel> inner, const KernelRequest& request)
      : BorrowedGradWeight(std::move(inner),
                           request.output_present[1] ? bias_scratch_bytes(request.inputs[0]) : 0),
        threads_(request.threads) {}

 private:
  Status sum_bias(const KernelRun& run, std::int64_t scratch) override {
    sum_pixels(run.inputs[0], run.outputs[1].as<float>(), scratch_at<double>(run.scratch, scratch), threads_);
    return {};
  }
  int threads_;
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
