#include "ops/adamw/types.h"
#include "ops/common/cpu_parameters.h"
#include "ops/common/function_kernel.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::adamw {
namespace {

// Parameters, gradients and states never overlap.
GRAPHRUN_SIMD void update(float* parameter, const float* gradient, float* mean, float* square,
                          std::int64_t length, float rate, const Constants constants) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) {
    step(parameter[i], gradient[i], mean[i], square[i], rate, constants);
  }
}

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const auto run = [range = ParameterRange(request),
                    settings = settings_of(request.attrs)](const KernelRun& io) {
    const UpdateOperands& at = range.operands();
    float& count = *io.inputs[at.scalar(0)].as<float>();
    count += 1;
    Constants constants = settings.constants;
    correct_bias(constants, settings.beta1, settings.beta2, count);
    const float rate = *io.inputs[0].as<const float>();
    range.for_each([&](std::size_t i, std::int64_t begin, std::int64_t length) {
      update(io.inputs[at.parameter(i)].as<float>() + begin,
             io.inputs[at.gradient(i)].as<const float>() + begin,
             io.inputs[at.state(0, i)].as<float>() + begin, io.inputs[at.state(1, i)].as<float>() + begin,
             length, rate * range.multiplier(i), constants);
    });
  };
  return make_function_kernel(request.def.name, 0, run);
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() { return {{"adamw", "cpu", prepare}}; }

}  // namespace graphrun::ops::adamw
