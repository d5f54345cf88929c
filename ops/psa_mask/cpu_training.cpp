#include "ops/common/activation.h"
#include "ops/common/body_kernel.h"
#include "ops/psa_mask/cpu_masks.h"

namespace graphrun::ops::psa_mask {
namespace {

Result<std::unique_ptr<Kernel>> prepare_backward(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  const PsaMaskGrad<float> body{masks_of(request.attrs, gx),
                                request.attrs.text("type") == "collect",
                                gy.pixel_stride,
                                gx.pixel_stride,
                                nullptr,
                                nullptr};
  const auto bind = [](PsaMaskGrad<float>& to, const KernelRun& run) {
    to.gy = run.inputs[0].as<const float>();
    to.gx = run.outputs[0].as<float>();
  };
  return make_body_kernel("psa_mask_grad", body, bind, gx.pixels(), 2 * gx.c(), request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"psa_mask_grad", "psa_mask_grad", prepare_backward}};
}

}  // namespace graphrun::ops::psa_mask
