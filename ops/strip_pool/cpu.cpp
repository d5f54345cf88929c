#include "ops/common/body_kernel.h"
#include "ops/common/byte_averages.h"
#include "ops/common/compute_type.h"
#include "ops/strip_pool/body.h"

namespace graphrun::ops::strip_pool {
namespace {

// Strips of columns jump from row to row, so each jump should bring many cache lines.
constexpr int kBlock = 512;
template <class T, class To, class Sum>
using Forward = StripPool<kBlock, T, To, Sum>;

template <class T, class To = T, class Sum = double>
Result<std::unique_ptr<Kernel>> prepare_forward(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  Forward<T, To, Sum> body{};
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
  const auto bind = [](Forward<T, To, Sum>& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const T>();
    to.y = run.outputs[0].as<To>();
  };
  const std::int64_t work = std::min<std::int64_t>(body.channels, kBlock) * body.strips.length();
  return make_body_kernel("strip_pool", body, bind, strips * body.blocks, work, request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"strip_pool", "strip_pool",
           [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }},
          {"strip_pool",
           "bytes",
           [](const KernelRequest& request) {
             return for_averages(request, [](const KernelRequest& of_integers) {
               return prepare_forward<std::uint8_t, float, std::uint32_t>(of_integers);
             });
           },
           {},
           true}};
}

}  // namespace graphrun::ops::strip_pool
