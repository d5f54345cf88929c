#include <cmath>

#include "ops/batch_norm/channel_sums.h"
#include "ops/batch_norm/cpu_kernels.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::batch_norm {
namespace {

// Adds the pixels' distances from `pivot` and the distances' squares: sums about a nearby point keep the
// digits that raw sums of a channel with a large mean lose.
template <class T>
GRAPHRUN_SIMD void add_moments(const T* x, std::int64_t stride, std::int64_t pixels, std::int64_t channels,
                               const float* pivot, float* sum, float* squares) {
  constexpr std::int64_t kGroup = 8;
  std::int64_t pixel = 0;
  for (; pixel + kGroup <= pixels; pixel += kGroup) {
    const T* const rows = x + pixel * stride;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < channels; ++c) {
      float part = 0;
      float part_squares = 0;
#pragma GCC unroll 8
      for (std::int64_t row = 0; row < kGroup; ++row) {
        const float distance = static_cast<float>(rows[row * stride + c]) - pivot[c];
        part += distance;
        part_squares += distance * distance;
      }
      sum[c] += part;
      squares[c] += part_squares;
    }
  }
  for (; pixel < pixels; ++pixel) {
    const T* const row = x + pixel * stride;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < channels; ++c) {
      const float distance = static_cast<float>(row[c]) - pivot[c];
      sum[c] += distance;
      squares[c] += distance * distance;
    }
  }
}

// The mean of at most 8 pixels: one alone may lie far out.
template <class T>
void make_pivot(const T* x, std::int64_t stride, std::int64_t pixels, std::int64_t channels, float* pivot) {
  const std::int64_t count = std::min<std::int64_t>(pixels, 8);
  std::fill_n(pivot, channels, 0.0f);
  for (std::int64_t pixel = 0; pixel < count; ++pixel) {
    for (std::int64_t c = 0; c < channels; ++c) {
      pivot[c] += static_cast<float>(x[pixel * stride + c]) / static_cast<float>(count);
    }
  }
}

template <class T>
Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const TensorDesc desc = request.inputs[0];
  const ChannelSums sums(desc.pixels(), desc.c());
  const auto run = [desc, sums, threads = request.threads](const KernelRun& io) {
    const T* const x = io.inputs[0].as<const T>();
    const std::int64_t channels = desc.c();
    const std::int64_t stride = desc.pixel_stride;
    float* const pivots = reinterpret_cast<float*>(static_cast<char*>(io.scratch) + sums.scratch_bytes());
    sums.accumulate(
        threads, io.scratch,
        [&](std::int64_t piece, std::int64_t begin, std::int64_t end, float* sum, float* squares) {
          float* const pivot = pivots + piece * channels;
          if (begin == sums.first_pixel(piece))
            make_pivot(x + begin * stride, stride, end - begin, channels, pivot);
          add_moments(x + begin * stride, stride, end - begin, channels, pivot, sum, squares);
        });
    double* const moments = io.outputs[0].as<double>();
    std::fill_n(moments, channels, static_cast<double>(desc.pixels()));
    std::fill_n(moments + channels, 2 * channels, 0.0);
    for (std::int64_t piece = 0; piece < sums.pieces(); ++piece) {
      const double* const part = sums.of_piece(io.scratch, piece);
      const auto count = static_cast<double>(sums.pixels_of(piece));
      for (std::int64_t c = 0; c < channels; ++c) {
        const auto pivot = static_cast<double>(pivots[piece * channels + c]);
        moments[channels + c] += part[c] + count * pivot;
        moments[2 * channels + c] += part[channels + c] + 2 * pivot * part[c] + count * pivot * pivot;
      }
    }
  };
  const std::int64_t pivot_bytes = sums.pieces() * desc.c() * static_cast<std::int64_t>(sizeof(float));
  return make_function_kernel("bn_moments", sums.scratch_bytes() + pivot_bytes, run);
}

Result<std::unique_ptr<Kernel>> prepare_moments(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) { return prepare<T>(request); });
}

Result<std::unique_ptr<Kernel>> prepare_finish(const KernelRequest& request) {
  const std::int64_t channels = request.inputs[0].shape[1];
  const double eps = request.attrs.real("eps");
  const double momentum = request.attrs.real("momentum");
  // The running statistics' new content may lie in their own memory.
  const auto run = [channels, eps, momentum](const KernelRun& io) {
    const double* const moments = io.inputs[0].as<const double>();
    const auto move = [&](std::size_t which, std::int64_t c, double value) {
      const auto old = static_cast<double>(io.inputs[1 + which].as<const float>()[c]);
      const TensorView& output = io.outputs[2 + which];
      if (output.data != nullptr) output.as<float>()[c] = static_cast<float>(old + momentum * (value - old));
    };
    for (std::int64_t c = 0; c < channels; ++c) {
      const double count = moments[c];
      const double mean = moments[channels + c] / count;
      const double variance = std::max(moments[2 * channels + c] / count - mean * mean, 0.0);
      io.outputs[0].as<float>()[c] = static_cast<float>(mean);
      io.outputs[1].as<float>()[c] = static_cast<float>(1 / std::sqrt(variance + eps));
      move(0, c, mean);
      move(1, c, variance * count / std::max(count - 1, 1.0));
    }
  };
  return make_function_kernel("bn_finish", 0, run);
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"bn_moments", "cpu", prepare_moments},
          {"bn_finish", "cpu", prepare_finish},
          {"bn_grad_sums", "cpu", prepare_grad_sums},
          {"bn_grad_apply", "cpu", prepare_grad_apply},
          {"batch_norm_eval_grad", "cpu", prepare_eval_grad}};
}

}  // namespace graphrun::ops::batch_norm
