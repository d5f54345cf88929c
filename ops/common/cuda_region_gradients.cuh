#pragma once

#include "ops/common/compute_type.h"
#include "ops/common/cuda_regions.cuh"

namespace graphrun::ops {

// The gradient of means over regions (cuda_regions.cuh): each pixel's sum over the bins that hold it.
template <class T>
struct RegionGradients {
  BinsOf<int32_t> rows, columns;
  int32_t groups;  // vectors of channels of a pixel
  int64_t gy_stride, gx_stride;
  const T* gy;
  T* gx;
};

inline int64_t region_table_bytes(int64_t row_bins, int64_t column_bins, int64_t columns) {
  return (row_bins + column_bins + 2 * columns) * static_cast<int64_t>(sizeof(int32_t));
}

// Blocks: (a row of pixels of an image, a share of its vectors).
template <class T, int kVector>
__global__ void __launch_bounds__(cuda::kThreads) spread_regions(const RegionGradients<T> r) {
  extern __shared__ int32_t region_table[];
  int32_t* const heights = region_table;
  int32_t* const widths = heights + r.rows.count;
  int32_t* const first = widths + r.columns.count;
  int32_t* const last = first + r.columns.in;
  const auto thread = static_cast<int32_t>(threadIdx.x);
  const int32_t iy = static_cast<int32_t>(blockIdx.x) % r.rows.in;
  const int64_t image = static_cast<int32_t>(blockIdx.x) / r.rows.in;
  const int32_t first_row = r.rows.first(iy), last_row = r.rows.last(iy);
  for (int32_t i = first_row + thread; i <= last_row; i += cuda::kThreads) heights[i] = r.rows.size(i);
  for (int32_t i = thread; i < r.columns.count; i += cuda::kThreads) widths[i] = r.columns.size(i);
  for (int32_t i = thread; i < r.columns.in; i += cuda::kThreads) {
    first[i] = r.columns.first(i);
    last[i] = r.columns.last(i);
  }
  __syncthreads();

  const int32_t step = static_cast<int32_t>(gridDim.y) * cuda::kThreads;
  const int32_t vectors = r.columns.in * r.groups;
  for (int32_t i = static_cast<int32_t>(blockIdx.y) * cuda::kThreads + thread; i < vectors; i += step) {
    const int32_t ix = i / r.groups;
    const int64_t channel = static_cast<int64_t>(i - ix * r.groups) * kVector;
    float sum[kVector] = {};
    for (int32_t row = first_row; row <= last_row; ++row) {
      const int64_t line = (image * r.rows.count + row) * r.columns.count;
      for (int32_t column = first[ix]; column <= last[ix]; ++column) {
        const float scale = 1.0f / static_cast<float>(heights[row] * widths[column]);
        const auto from = cuda::load<kVector>(r.gy + (line + column) * r.gy_stride + channel);
#pragma unroll
        for (int c = 0; c < kVector; ++c) sum[c] += static_cast<float>(from.element[c]) * scale;
      }
    }
    cuda::Vector<T, kVector> result;
#pragma unroll
    for (int c = 0; c < kVector; ++c) result.element[c] = static_cast<T>(sum[c]);
    cuda::store(r.gx + ((image * r.rows.in + iy) * r.columns.in + ix) * r.gx_stride + channel, result);
  }
}

// A kernel from the gradient of the grid, its first input, to that of the pixels, its first output.
template <class T>
Result<std::unique_ptr<Kernel>> make_region_gradients_kernel(const KernelRequest& request,
                                                             std::string_view name) {
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  constexpr int64_t kTableBytes = 16 << 10;  // many blocks' tables fit into a multiprocessor
  const int64_t table = region_table_bytes(gy.h(), gy.w(), gx.w());
  const int64_t lines = gx.n() * gx.h();
  if (!small_grid(gx, gy) || gx.w() * gx.c() >= int64_t{1} << 30 || lines >= int64_t{1} << 30 ||
      table > kTableBytes)
    return {ErrorCode::declined, "the map is too large for it"};
  const bool wide = in_vectors({gy, gx}, kWide<T>);
  const auto narrow = [](int64_t value) { return static_cast<int32_t>(value); };
  RegionGradients<T> r{};
  r.rows = {narrow(gx.h()), narrow(gy.h())};
  r.columns = {narrow(gx.w()), narrow(gy.w())};
  r.groups = narrow(gx.c()) / (wide ? kWide<T> : 1);
  r.gy_stride = gy.pixel_stride;
  r.gx_stride = gx.pixel_stride;
  constexpr int64_t kVectorsOfThread = 4;  // at least, as each block makes a table
  const int64_t shares = std::clamp<int64_t>(gx.w() * r.groups / (kVectorsOfThread * cuda::kThreads), 1,
                                             blocks_of(8 * device_of(request).multiprocessors(), lines));
  const dim3 grid(static_cast<unsigned>(lines), static_cast<unsigned>(shares));
  const auto run = [&device = device_of(request), r, wide, grid, table, name](const KernelRun& io) -> Status {
    RegionGradients<T> bound = r;
    bound.gy = io.inputs[0].template as<const T>();
    bound.gx = io.outputs[0].template as<T>();
    const auto bytes = static_cast<std::size_t>(table);
    if (wide) {
      spread_regions<T, kWide<T>><<<grid, cuda::kThreads, bytes, device.stream()>>>(bound);
    } else {
      spread_regions<T, 1><<<grid, cuda::kThreads, bytes, device.stream()>>>(bound);
    }
    return cuda::check_launch(name);
  };
  return make_function_kernel(name, 0, run);
}

// Pooling by means over regions and its gradient, as candidates of the rooms that are that.
inline Result<std::unique_ptr<Kernel>> prepare_region_means(const KernelRequest& request) {
  return for_activation_type(request,
                             [&]<class T>(T) { return make_regions_kernel<T>(request, "cuda", true); });
}
inline Result<std::unique_ptr<Kernel>> prepare_region_mean_gradients(const KernelRequest& request) {
  return for_activation_type(request,
                             [&]<class T>(T) { return make_region_gradients_kernel<T>(request, "cuda"); });
}

}  // namespace graphrun::ops
