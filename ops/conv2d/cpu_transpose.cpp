#include <array>

#include "ops/common/compute_type.h"
#include "ops/conv2d/kernels.h"
#include "ops/conv2d/transpose.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::conv2d {
namespace {

constexpr std::array<Prepare, 4> kGradData{prepare_depthwise_grad_data, prepare_grad_data_turned,
                                           prepare_grad_data, prepare_grad_data_body};

template <class T>
GRAPHRUN_SIMD void add_bias(const float* bias, std::int64_t channels, T* y) {
  for (std::int64_t c = 0; c < channels; ++c) y[c] = static_cast<T>(static_cast<float>(y[c]) + bias[c]);
}

template <class T>
class Transposed final : public BorrowingKernel {
 public:
  Transposed(std::unique_ptr<Kernel> inner, int threads)
      : BorrowingKernel(std::move(inner)), threads_(threads) {}

  Status run(const KernelRun& run) override {
    const TensorView& y = run.outputs[0];
    const std::array inputs{run.inputs[kX], run.inputs[kWeight], TensorView{y.desc, nullptr}};
    GRAPHRUN_TRY(inner()->run({inputs, run.outputs, run.scratch, run.packed}));
    const auto* const bias = run.inputs[kBias].as<const float>();
    if (bias == nullptr) return {};
    cpu::parallel_for(threads_, y.desc.pixels(), 256, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        add_bias(bias, y.desc.c(), y.as<T>() + i * y.desc.pixel_stride);
    });
    return {};
  }

 private:
  int threads_;
};

}  // namespace

Prepared prepare_transpose_by(const KernelRequest& request, std::span<const Prepare> gradients) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    GRAPHRUN_ASSIGN(std::unique_ptr<Kernel> inner, borrow_grad_data(request, gradients));
    return std::unique_ptr<Kernel>(std::make_unique<Transposed<T>>(std::move(inner), request.threads));
  });
}

Prepared prepare_transpose(const KernelRequest& request) { return prepare_transpose_by(request, kGradData); }

}  // namespace graphrun::ops::conv2d
