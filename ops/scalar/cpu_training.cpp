#include "ops/common/function_kernel.h"

namespace graphrun::ops::scalar {
namespace {

Result<std::unique_ptr<Kernel>> prepare_fill(const KernelRequest& request) {
  return make_function_kernel(
      request.def.name, 0, [value = static_cast<float>(request.attrs.real("value"))](const KernelRun& run) {
        *run.outputs[0].as<float>() = value;
      });
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() { return {{"fill", "cpu", prepare_fill}}; }

}  // namespace graphrun::ops::scalar
