#include "ops/common/activation.h"
#include "ops/common/body_kernel.h"
#include "ops/psa_mask/body.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::psa_mask {
namespace {

[[gnu::flatten]] GRAPHRUN_SIMD void forward_loop(const PsaMask<float>& body, std::int64_t begin,
                                                 std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}
[[gnu::flatten]] GRAPHRUN_SIMD void backward_loop(const PsaMaskGrad<float>& body, std::int64_t begin,
                                                  std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

Masks masks_of(const Attributes& attrs, const TensorDesc& x) {
  const std::vector<std::int64_t> mask = attrs.integers("mask");
  return {x.h(), x.w(), mask[0], mask[1], attrs.flag("compact")};
}

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
  return make_body_kernel("psa_mask", body, bind, forward_loop, y.pixels(), 2 * y.c(), request.threads);
}

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
  return make_body_kernel("psa_mask_grad", body, bind, backward_loop, gx.pixels(), 2 * gx.c(),
                          request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"psa_mask", "psa_mask", prepare_forward}, {"psa_mask_grad", "psa_mask_grad", prepare_backward}};
}

}  // namespace graphrun::ops::psa_mask
