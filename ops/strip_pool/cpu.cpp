#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/strip_pool/body.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::strip_pool {
namespace {

// Strips of columns jump from row to row, so each jump should bring many cache lines.
constexpr int kBlock = 512;
template <class T>
using Forward = StripPool<kBlock, T>;
template <class T>
using Backward = StripPoolGrad<kBlock, T>;

template <class T>
[[gnu::flatten]] GRAPHRUN_SIMD void forward_loop(const Forward<T>& body, std::int64_t begin,
                                                 std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}
template <class T>
[[gnu::flatten]] GRAPHRUN_SIMD void backward_loop(const Backward<T>& body, std::int64_t begin,
                                                  std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

template <class T>
Result<std::unique_ptr<Kernel>> prepare_forward(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  Forward<T> body{};
  body.strips = {x.h(), x.w(), request.attrs.text("axis") == "row"};
  body.channels = x.c();
  body.x_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  std::int64_t strips = y.pixels();
  if (!body.strips.along_row && x.contiguous() && y.contiguous()) {
    // Rows without gaps are pixels of W C channels: an image is one column of them.
    body.strips.w = 1;
    body.channels = body.x_stride = body.y_stride = x.w() * x.c();
    strips = x.n();
  }
  body.blocks = block_count(body.channels, kBlock);
  const auto bind = [](Forward<T>& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const T>();
    to.y = run.outputs[0].as<T>();
  };
  const std::int64_t work = std::min<std::int64_t>(body.channels, kBlock) * body.strips.length();
  return make_body_kernel("strip_pool", body, bind, forward_loop<T>, strips * body.blocks, work,
                          request.threads);
}

template <class T>
Result<std::unique_ptr<Kernel>> prepare_backward(const KernelRequest& request) {
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  Backward<T> body{};
  body.strips = {gx.h(), gx.w(), request.attrs.text("axis") == "row"};
  body.channels = gx.c();
  body.blocks = block_count(gx.c(), kBlock);
  body.gy_stride = gy.pixel_stride;
  body.gx_stride = gx.pixel_stride;
  const auto bind = [](Backward<T>& to, const KernelRun& run) {
    to.gy = run.inputs[0].as<const T>();
    to.gx = run.outputs[0].as<T>();
  };
  const std::int64_t work = std::min<std::int64_t>(gx.c(), kBlock);
  return make_body_kernel("strip_pool_grad", body, bind, backward_loop<T>, gx.pixels() * body.blocks, work,
                          request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"strip_pool", "strip_pool",
           [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }},
          {"strip_pool_grad", "strip_pool_grad", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_backward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::strip_pool
