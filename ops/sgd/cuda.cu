#include "ops/common/cuda_parameters.cuh"
#include "ops/common/function_kernel.h"
#include "ops/sgd/body.h"

namespace graphrun::ops::sgd {
namespace {

struct Step {
  static constexpr int kStates = 1;
  float momentum, weight_decay;

  __device__ Step loaded() const { return *this; }
  __device__ void operator()(float& parameter, float gradient, float (&velocity)[kStates], float rate) const {
    step(parameter, gradient, velocity[0], rate, momentum, weight_decay);
  }
};

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const Step step{static_cast<float>(request.attrs.real("momentum")),
                  static_cast<float>(request.attrs.real("weight_decay"))};
  const auto run = [parameters = CudaParameters<Step>(request), step, &device = device_of(request)](
                       const KernelRun& io) { return parameters.update(io, step, device.stream(), "sgd"); };
  return make_function_kernel("cuda", 0, run);
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() { return {{"sgd", "cuda", prepare}}; }

}  // namespace graphrun::ops::sgd
