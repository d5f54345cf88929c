#include "ops/common/cpu_parameters.h"
#include "ops/common/function_kernel.h"
#include "ops/sgd/body.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::sgd {
namespace {

// Parameters, gradients and momenta never overlap.
GRAPHRUN_SIMD void update(float* parameter, const float* gradient, float* velocity, std::int64_t length,
                          float rate, float momentum, float weight_decay) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) {
    step(parameter[i], gradient[i], velocity[i], rate, momentum, weight_decay);
  }
}

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const auto run = [range = ParameterRange(request),
                    momentum = static_cast<float>(request.attrs.real("momentum")),
                    decay = static_cast<float>(request.attrs.real("weight_decay"))](const KernelRun& io) {
    const UpdateOperands& at = range.operands();
    const float rate = *io.inputs[0].as<const float>();
    range.for_each([&](std::size_t i, std::int64_t begin, std::int64_t length) {
      update(
          io.inputs[at.parameter(i)].as<float>() + begin, io.inputs[at.gradient(i)].as<const float>() + begin,
          io.inputs[at.state(0, i)].as<float>() + begin, length, rate * range.multiplier(i), momentum, decay);
    });
  };
  return make_function_kernel(request.def.name, 0, run);
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() { return {{"sgd", "cpu", prepare}}; }

}  // namespace graphrun::ops::sgd
