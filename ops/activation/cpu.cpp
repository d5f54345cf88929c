#include <array>
#include <numeric>

#include "ops/activation/body.h"
#include "ops/common/bytes.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/pixel_rows.h"
#include "runtime/cpu/byte_table.h"
#include "runtime/cpu/halves.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::activation {
namespace {

// y = f(x) of a run of elements; `slope` where f has one.
template <class T>
using Row = void (*)(float slope, const T* x, T* y, std::int64_t length);

// Outputs may be the memory of an input: element i is read before it is written.
template <class F, class T>
[[gnu::flatten]] GRAPHRUN_SIMD void map_row(float slope, const T* x, T* y, std::int64_t length) {
  const F f = with_slope<F>(slope);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = static_cast<T>(f(x[i]));
}

template <class F>
[[gnu::flatten]] GRAPHRUN_SIMD_OF_HALVES void map_halves(float slope, const BFloat16* x, BFloat16* y,
                                                         std::int64_t length) {
  const F f = with_slope<F>(slope);
  const std::int64_t whole = length / 2 * 2;
#pragma GCC ivdep
  for (std::int64_t i = 0; i < whole; i += 2) {
    const std::uint32_t pair = cpu::load_pair(x + i);
    cpu::store_pair(f(cpu::first_half(pair)), f(cpu::second_half(pair)), y + i);
  }
  if (whole < length) y[whole] = static_cast<BFloat16>(f(x[whole]));
}
template <class F, class T>
constexpr Row<T> row_of() {
  if constexpr (std::is_same_v<T, BFloat16>) {
    return map_halves<F>;
  } else {
    return map_row<F, T>;
  }
}

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class T>
Prepared unary(const KernelRequest& request, float slope, Row<T> row) {
  const PixelRows rows({request.inputs[0], request.outputs[0]});
  return make_function_kernel(request.def.name, 0,
                              [rows, slope, row, threads = request.threads](const KernelRun& run) {
                                const T* const x = run.inputs[0].as<const T>();
                                T* const y = run.outputs[0].as<T>();
                                rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
                                  row(slope, x + at * rows.stride(0), y + at * rows.stride(1), length);
                                });
                              });
}

// All 256 results of a function of bytes, which have x's scale and y's.
Prepared table(const KernelRequest& request, float slope, Row<float> row) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  if (x.dtype != DType::u8 || y.dtype != DType::u8) return {ErrorCode::declined, "takes bytes to bytes"};
  std::array<std::uint8_t, 256> integers{};
  std::array<float, 256> values{};
  std::array<std::uint8_t, 256> results{};
  std::iota(integers.begin(), integers.end(), std::uint8_t{0});
  dequantise_row(integers.data(), x.quantisation, values.data(), 256);
  row(slope, values.data(), values.data(), 256);
  quantise_row(values.data(), y.quantisation, results.data(), 256);
  const PixelRows rows({x, y});
  return make_function_kernel("table", 0, [rows, results, threads = request.threads](const KernelRun& run) {
    const auto* const from = run.inputs[0].as<const std::uint8_t>();
    auto* const to = run.outputs[0].as<std::uint8_t>();
    rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
      cpu::look_up(results, from + at * rows.stride(0), to + at * rows.stride(1), length);
    });
  });
}

bool has_bytes(const KernelRequest& request) { return request.inputs[0].dtype == DType::u8; }

template <class F>
Prepared prepare(const KernelRequest& request) {
  const float slope = slope_of<F>(request.attrs);
  if (has_bytes(request)) return table(request, slope, map_row<F, float>);
  return for_activation_type(request, [&]<class T>(T) { return unary<T>(request, slope, row_of<F, T>()); });
}
template <class F, class Tanh>
Prepared prepare_gelu(const KernelRequest& request) {
  return request.attrs.text("approximate") == "tanh" ? prepare<Tanh>(request) : prepare<F>(request);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  std::vector<KernelEntry> kernels{{"relu", "cpu", prepare<Relu>},
                                   {"sigmoid", "cpu", prepare<Sigmoid>},
                                   {"relu6", "cpu", prepare<Relu6>},
                                   {"leaky_relu", "cpu", prepare<LeakyRelu>},
                                   {"hard_sigmoid", "cpu", prepare<HardSigmoid>},
                                   {"hard_swish", "cpu", prepare<HardSwish>},
                                   {"silu", "cpu", prepare<Silu>},
                                   {"gelu", "cpu", prepare_gelu<Gelu, GeluTanh>}};
  const std::vector<KernelEntry> wide = kernels;
  for (KernelEntry entry : wide) {
    entry.eight_bits = true;
    kernels.push_back(std::move(entry));
  }
  return kernels;
}

}  // namespace graphrun::ops::activation
