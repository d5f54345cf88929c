#include "ops/adamw/types.h"
#include "ops/common/cuda_parameters.cuh"
#include "ops/common/function_kernel.h"

namespace graphrun::ops::adamw {
namespace {

// The constants of a step are made on the device, which alone knows the step's number.
struct Step {
  static constexpr int kStates = 2;
  const Constants* constants;

  struct Loaded {
    Constants constants;
    __device__ void operator()(float& parameter, float gradient, float (&states)[kStates], float rate) const {
      step(parameter, gradient, states[0], states[1], rate, constants);
    }
  };
  __device__ Loaded loaded() const { return {*constants}; }
};

__global__ void begin_step(float* count, Settings settings, Constants* constants) {
  *count += 1;
  *constants = settings.constants;
  correct_bias(*constants, settings.beta1, settings.beta2, *count);
}

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const auto run = [parameters = CudaParameters<Step>(request), settings = settings_of(request.attrs),
                    &device = device_of(request)](const KernelRun& io) -> Status {
    auto* const constants = static_cast<Constants*>(io.scratch);
    float* const count = io.inputs[parameters.operands().scalar(0)].as<float>();
    begin_step<<<1, 1, 0, device.stream()>>>(count, settings, constants);
    GRAPHRUN_TRY(cuda::check_launch("adamw"));
    return parameters.update(io, Step{constants}, device.stream(), "adamw");
  };
  return make_function_kernel("cuda", sizeof(Constants), run);
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() { return {{"adamw", "cuda", prepare}}; }

}  // namespace graphrun::ops::adamw
