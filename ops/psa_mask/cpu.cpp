#include "ops/common/activation.h"
#include "ops/common/body_kernel.h"
#include "ops/psa_mask/cpu_masks.h"

namespace graphrun::ops::psa_mask {
namespace {

Result<std::unique_ptr<Kernel>> prepare_forward(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  const PsaMask<float> body{masks_of(request.attrs, x),
                            request.attrs.text("type") == "collect",
                            x.pixel_stride,
                            y.pixel_stride,
                            nullptr,
                            nullptr};
  const auto bind = [](PsaMask<float>& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const float>();
    to.y = run.outputs[0].as<float>();
  };
  return make_body_kernel("psa_mask", body, bind, y.pixels(), 2 * y.c(), request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() { return {{"psa_mask", "psa_mask", prepare_forward}}; }

}  // namespace graphrun::ops::psa_mask
