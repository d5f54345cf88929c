#pragma once

#include <algorithm>
#include <bit>

#include "ops/common/bins.h"
#include "ops/common/cuda_vectors.cuh"

// Sums or means of each channel over the regions of a grid, rows by columns of bins, that is laid over each
// image: pooling, and the gradient of broadcasting. Sums have a fixed order: short runs in f32, their sums in
// f64.
namespace graphrun::ops {

inline constexpr unsigned kRegionThreads = 256;

template <class T>
struct Regions {
  BinsOf<int32_t> rows, columns;
  int32_t outputs;  // regions of all images
  int32_t channels;
  int32_t groups;          // vectors of channels of a pixel
  int32_t channel_blocks;  // groups in blocks of threads
  int32_t pieces;          // that a region is cut into, for blocks of their own
  int64_t x_stride, y_stride;
  bool mean;
  const T* x;
  T* y;
  double* partial;  // (piece, output, channel), where there are several pieces

  __device__ double factor(int32_t pixels) const { return mean ? 1.0 / static_cast<double>(pixels) : 1.0; }
  __device__ int32_t row(int32_t output) const { return output / columns.count % rows.count; }
  __device__ int32_t column(int32_t output) const { return output % columns.count; }
  __device__ int32_t pixels(int32_t output) const {
    return rows.size(row(output)) * columns.size(column(output));
  }

  // One thread's share of a region's piece: every `shares`-th pixel.
  template <int kVector>
  __device__ void gather(int32_t output, int32_t group, int32_t piece, int32_t share, int32_t shares,
                         double (&total)[kVector]) const {
    const int32_t top = rows.begin(row(output)), left = columns.begin(column(output));
    const int32_t width = columns.size(column(output));
    const int32_t count = pixels(output);
    const int32_t length = (count + pieces - 1) / pieces;
    const int32_t end = min((piece + 1) * length, count);
    int32_t at = piece * length + share;
    const int64_t image = output / (columns.count * rows.count);
    const T* const from = x + (image * rows.in * columns.in + top * columns.in + left) * x_stride +
                          static_cast<int64_t>(group) * kVector;
    int32_t y_at = at / width, x_at = at % width;
    const int32_t y_step = shares / width, x_step = shares % width;
    const auto next = [&](bool inside) {
      const int64_t pixel = y_at * columns.in + x_at;
      y_at += y_step;
      x_at += x_step;
      if (x_at >= width) x_at -= width, ++y_at;
      return inside ? cuda::load<kVector>(from + pixel * x_stride) : cuda::Vector<T, kVector>{};
    };
    constexpr int kRun = 4;  // loads in flight
    for (; at < end; at += kRun * shares) {
      cuda::Vector<T, kVector> run[kRun];
#pragma unroll
      for (int k = 0; k < kRun; ++k) run[k] = next(at + k * shares < end);
#pragma unroll
      for (int c = 0; c < kVector; ++c) {
        float sum = 0;
#pragma unroll
        for (int k = 0; k < kRun; ++k) sum += static_cast<float>(run[k].element[c]);
        total[c] += static_cast<double>(sum);
      }
    }
  }
};

// Threads of a block: (neighbouring groups of channels, shares of a region's pixels, neighbouring regions).
template <class T, int kVector>
__global__ void __launch_bounds__(kRegionThreads, 4) sum_regions(const Regions<T> r) {
  __shared__ double sums[kVector][kRegionThreads];
  const auto x = static_cast<int32_t>(threadIdx.x), share = static_cast<int32_t>(threadIdx.y);
  const auto lanes = static_cast<int32_t>(blockDim.x), shares = static_cast<int32_t>(blockDim.y);
  const auto block = static_cast<int32_t>(blockIdx.x);
  const int32_t group = block % r.channel_blocks * lanes + x;
  const int32_t piece = block / r.channel_blocks % r.pieces;
  const int32_t output = block / r.channel_blocks / r.pieces * static_cast<int32_t>(blockDim.z) +
                         static_cast<int32_t>(threadIdx.z);
  const int32_t thread = (static_cast<int32_t>(threadIdx.z) * shares + share) * lanes + x;
  const bool used = group < r.groups && output < r.outputs;

  double total[kVector] = {};
  if (used) r.template gather<kVector>(output, group, piece, share, shares, total);
  for (int32_t half = shares / 2; half > 0; half /= 2) {
    if (share >= half && share < 2 * half) {
#pragma unroll
      for (int c = 0; c < kVector; ++c) sums[c][thread] = total[c];
    }
    __syncthreads();
    if (share < half) {
#pragma unroll
      for (int c = 0; c < kVector; ++c) total[c] += sums[c][thread + half * lanes];
    }
  }
  if (!used || share != 0) return;

  if (r.pieces == 1) {
    const double factor = r.factor(r.pixels(output));
    cuda::Vector<T, kVector> result;
#pragma unroll
    for (int c = 0; c < kVector; ++c)
      result.element[c] = static_cast<T>(static_cast<float>(total[c] * factor));
    cuda::store(r.y + output * r.y_stride + group * kVector, result);
  } else {
    double* const to =
        r.partial + (static_cast<int64_t>(piece) * r.outputs + output) * r.channels + group * kVector;
#pragma unroll
    for (int c = 0; c < kVector; ++c) to[c] = total[c];
  }
}

// Adds up the pieces of one channel of one region.
template <class T>
struct JoinPieces {
  Regions<T> r;
  __device__ void operator()(int64_t i) const {
    const auto output = static_cast<int32_t>(i / r.channels);
    double sum = 0;
#pragma unroll 8
    for (int32_t piece = 0; piece < r.pieces; ++piece)
      sum += r.partial[static_cast<int64_t>(piece) * r.outputs * r.channels + i];
    r.y[output * r.y_stride + i % r.channels] =
        static_cast<T>(static_cast<float>(sum * r.factor(r.pixels(output))));
  }
};

// Indices of such grids fit into 32 bits.
inline bool small_grid(const TensorDesc& pixels, const TensorDesc& bins) {
  constexpr int64_t kMax = int64_t{1} << 30;
  return pixels.h() * pixels.w() < kMax && (pixels.h() + 1) * (bins.h() + 1) < kMax &&
         (pixels.w() + 1) * (bins.w() + 1) < kMax && bins.pixels() * bins.c() < kMax;
}

// A kernel that reduces its first input to the grid of its first output, both activations of type T.
template <class T>
Result<std::unique_ptr<Kernel>> make_regions_kernel(const KernelRequest& request, std::string_view name,
                                                    bool mean) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  if (!small_grid(x, y)) return {ErrorCode::declined, "its indices need more than 32 bits"};
  const bool wide = in_vectors({x, y}, kWide<T>);
  const auto narrow = [](int64_t value) { return static_cast<int32_t>(value); };
  Regions<T> r{};
  r.rows = {narrow(x.h()), narrow(y.h())};
  r.columns = {narrow(x.w()), narrow(y.w())};
  r.outputs = narrow(y.pixels());
  r.channels = narrow(y.c());
  r.groups = r.channels / (wide ? kWide<T> : 1);
  r.x_stride = x.pixel_stride;
  r.y_stride = y.pixel_stride;
  r.mean = mean;

  constexpr unsigned kLanes = 32;
  constexpr unsigned kMaxInDepth = 64;     // a limit of CUDA
  constexpr unsigned kPixelsOfThread = 4;  // at least
  constexpr int64_t kMaxPieces = 32;       // one thread adds them up
  const auto region = static_cast<unsigned>(blocks_of(x.h(), y.h()) * blocks_of(x.w(), y.w()));
  dim3 threads(std::min(kLanes, std::bit_ceil(static_cast<unsigned>(r.groups))));
  while (threads.x * threads.y < kRegionThreads && 2 * threads.y * kPixelsOfThread <= region) threads.y *= 2;
  threads.z = std::min({kRegionThreads / (threads.x * threads.y),
                        std::bit_ceil(static_cast<unsigned>(r.outputs)), kMaxInDepth});
  r.channel_blocks = narrow(blocks_of(r.groups, threads.x));
  const int64_t blocks = r.channel_blocks * blocks_of(r.outputs, threads.z);
  const int64_t wanted = blocks_of(4 * device_of(request).multiprocessors(), blocks);
  r.pieces =
      narrow(std::clamp<int64_t>(region / (threads.y * kPixelsOfThread), 1, std::min(wanted, kMaxPieces)));

  const int64_t values = int64_t{r.outputs} * r.channels;
  const int64_t scratch = r.pieces == 1 ? 0 : r.pieces * values * static_cast<int64_t>(sizeof(double));
  const auto grid = static_cast<unsigned>(blocks * r.pieces);
  const auto run = [&device = device_of(request), r, wide, grid, threads, values,
                    name](const KernelRun& io) -> Status {
    Regions<T> bound = r;
    bound.x = io.inputs[0].template as<const T>();
    bound.y = io.outputs[0].template as<T>();
    bound.partial = static_cast<double*>(io.scratch);
    if (wide) {
      sum_regions<T, kWide<T>><<<grid, threads, 0, device.stream()>>>(bound);
    } else {
      sum_regions<T, 1><<<grid, threads, 0, device.stream()>>>(bound);
    }
    GRAPHRUN_TRY(cuda::check_launch(name));
    if (bound.pieces == 1) return {};
    return cuda::for_each(device.stream(), values, JoinPieces<T>{bound}, name);
  };
  return make_function_kernel(name, scratch, run);
}

}  // namespace graphrun::ops
