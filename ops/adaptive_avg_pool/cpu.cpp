#include <limits>
#include <type_traits>

#include "ops/adaptive_avg_pool/body.h"
#include "ops/common/body_kernel.h"
#include "ops/common/byte_averages.h"
#include "ops/common/compute_type.h"

namespace graphrun::ops::adaptive_avg_pool {
namespace {

// A cache line of each pixel at a time.
template <class T>
constexpr int kBlock = static_cast<int>(kCpuBlock * sizeof(float) / sizeof(T));
// Integers are added as such.
template <class T>
using Sum = std::conditional_t<std::is_integral_v<T>, std::int32_t, double>;
template <class T, class To>
using Forward = AdaptiveAvgPool<kBlock<T>, T, To, Sum<T>>;

template <class T, class To = T>
Result<std::unique_ptr<Kernel>> prepare_forward(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  Forward<T, To> body{};
  body.rows = {x.h(), y.h()};
  body.columns = {x.w(), y.w()};
  body.channels = x.c();
  body.blocks = block_count(x.c(), kBlock<T>);
  body.x_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  const auto bind = [](Forward<T, To>& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const T>();
    to.y = run.outputs[0].as<To>();
  };
  const std::int64_t size = body.rows.end(0) * body.columns.end(0);
  return make_body_kernel("adaptive_avg_pool", body, bind, y.pixels() * body.blocks, kBlock<T> * size,
                          request.threads);
}

Result<std::unique_ptr<Kernel>> prepare_integers(const KernelRequest& request) {
  constexpr std::int64_t kMaxPixels = std::numeric_limits<std::int32_t>::max() / 255;
  if (request.inputs[0].h() * request.inputs[0].w() > kMaxPixels)
    return {ErrorCode::declined, "sums integers of 32 bits"};
  return prepare_forward<std::uint8_t, float>(request);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"adaptive_avg_pool", "adaptive_avg_pool",
           [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }},
          {"adaptive_avg_pool",
           "bytes",
           [](const KernelRequest& request) { return for_averages(request, prepare_integers); },
           {},
           true}};
}

}  // namespace graphrun::ops::adaptive_avg_pool
