#include <algorithm>
#include <cstring>

#include "ops/common/body_kernel.h"
#include "ops/common/bytes.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/pool/average.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

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

// A row of y; `x` is its image.
GRAPHRUN_SIMD void max_row(const MaxPool<1, std::uint8_t>& body, std::int64_t out_y, const std::uint8_t* x,
                           std::uint8_t* y) {
  const Window& w = body.window;
  const std::int64_t channels = body.channels;
  const std::int64_t top = out_y * w.stride_h - w.padding_h;
  const std::int64_t bottom = std::min(top + w.kernel_h, w.in_h);
  for (std::int64_t out_x = 0; out_x < w.out_w; ++out_x, y += body.y_stride) {
    const std::int64_t left = out_x * w.stride_w - w.padding_w;
    const std::int64_t right = std::min(left + w.kernel_w, w.in_w);
    std::memset(y, 0, static_cast<std::size_t>(channels));
    for (std::int64_t row = std::max<std::int64_t>(top, 0); row < bottom; ++row) {
      for (std::int64_t column = std::max<std::int64_t>(left, 0); column < right; ++column) {
        const std::uint8_t* const from = x + (row * w.in_w + column) * body.x_stride;
#pragma GCC ivdep
        for (std::int64_t c = 0; c < channels; ++c) y[c] = from[c] > y[c] ? from[c] : y[c];
      }
    }
  }
}

// An index would be bytes as well, which the scale does not say.
Result<std::unique_ptr<Kernel>> prepare_forward_bytes(const KernelRequest& request) {
  if (request.output_present[1]) return {ErrorCode::declined, "gives no index in 8 bits"};
  return for_bytes(request, [&] {
    const auto body = forward_form<MaxPool<1, std::uint8_t>>(request, 0);
    const std::int64_t lines = request.outputs[0].n() * body.window.out_h;
    return make_function_kernel(
        "max_pool", 0, [body, lines, threads = request.threads](const KernelRun& run) {
          const Window& w = body.window;
          cpu::parallel_for(threads, lines, 1, [&](std::int64_t line, std::int64_t) {
            max_row(body, line % w.out_h,
                    run.inputs[0].as<const std::uint8_t>() + line / w.out_h * w.in_h * w.in_w * body.x_stride,
                    run.outputs[0].as<std::uint8_t>() + line * w.out_w * body.y_stride);
          });
        });
  });
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
