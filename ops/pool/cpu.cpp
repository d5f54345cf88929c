#include <algorithm>

#include "ops/common/body_kernel.h"
#include "ops/common/bytes.h"
#include "ops/common/compute_type.h"
#include "ops/pool/average.h"

namespace graphrun::ops::pool {
namespace {

template <class T>
using Forward = MaxPool<kCpuBlock, T>;

template <class T>
Result<std::unique_ptr<Kernel>> prepare_average(const KernelRequest& request) {
  using Body = AvgPool<kCpuBlock, T>;
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  auto body = average_form<Body>(request.attrs, x, y, block_count(y.c(), kCpuBlock));
  body.x_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  const auto bind = [](Body& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const T>();
    to.y = run.outputs[0].as<T>();
  };
  const std::int64_t work = kCpuBlock * body.window.kernel_h * body.window.kernel_w;
  return make_body_kernel("avg_pool", body, bind, y.pixels() * body.blocks, work, request.threads);
}

template <class T>
Result<std::unique_ptr<Kernel>> prepare_forward(const KernelRequest& request) {
  const TensorDesc& y = request.outputs[0];
  const auto body = forward_form<Forward<T>>(request, block_count(y.c(), kCpuBlock));
  const auto bind = [](Forward<T>& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const T>();
    to.y = run.outputs[0].as<T>();
    to.index = run.outputs[1].as<std::uint8_t>();
  };
  const std::int64_t work = kCpuBlock * body.window.kernel_h * body.window.kernel_w;
  return make_body_kernel("max_pool", body, bind, y.pixels() * body.blocks, work, request.threads);
}

// An index would be bytes as well, which the scale does not say.
Result<std::unique_ptr<Kernel>> prepare_forward_bytes(const KernelRequest& request) {
  if (request.output_present[1]) return {ErrorCode::declined, "gives no index in 8 bits"};
  return for_bytes(request, [&] { return prepare_forward<Byte>(request); });
}

// Padding counts as integers of 0.
Result<std::unique_ptr<Kernel>> prepare_average_bytes(const KernelRequest& request) {
  const auto is_padded = [&] { return std::ranges::max(request.attrs.integers("padding")) > 0; };
  if (request.inputs[0].quantisation.zero_point != 0 && request.attrs.flag("count_padding") && is_padded())
    return {ErrorCode::declined, "pads with integers of 0, which the zero point is not"};
  return for_bytes(request, [&] { return prepare_average<Byte>(request); });
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"max_pool", "max_pool",
           [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }},
          {"avg_pool", "avg_pool",
           [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_average<T>(request); });
           }},
          {"max_pool", "bytes", prepare_forward_bytes, {}, true},
          {"avg_pool", "bytes", prepare_average_bytes, {}, true}};
}

}  // namespace graphrun::ops::pool
