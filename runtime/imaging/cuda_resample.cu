#include "graphrun/device_function.h"
#include "runtime/imaging/cuda_jobs.h"
#include "runtime/imaging/cuda_pixel.cuh"

namespace graphrun::imaging::gpu {
namespace {

// The pixel i of the view. kChannels: how many there are, known to the compiler; 0: as the job says.
template <class T, int kChannels>
struct ResizePixel {
  ResizeJob job;
  GRAPHRUN_DEVICE void operator()(std::int64_t i) const {
    const auto pixel = static_cast<std::uint32_t>(i);
    const LinearTap row = job.rows[pixel / static_cast<std::uint32_t>(job.width)];
    const LinearTap column = job.columns[pixel % static_cast<std::uint32_t>(job.width)];
    const int channels = kChannels > 0 ? kChannels : job.channels;
    const T* const image = static_cast<const T*>(job.image);
    const T* const upper = image + channels * job.image_width * row.first;
    const T* const lower = image + channels * job.image_width * row.second;
    const std::int64_t left = channels * static_cast<std::int64_t>(column.first);
    const std::int64_t right = channels * static_cast<std::int64_t>(column.second);
    for (int c = 0; c < channels; ++c) {
      const float above = static_cast<float>(upper[left + c]) * column.first_weight +
                          static_cast<float>(upper[right + c]) * column.second_weight;
      const float below = static_cast<float>(lower[left + c]) * column.first_weight +
                          static_cast<float>(lower[right + c]) * column.second_weight;
      const float value = above * row.first_weight + below * row.second_weight;
      job.view[channels * i + c] = (value - job.mean[c]) / job.deviation[c];
    }
  }
};

// The pixel i of the samples.
template <int kChannels>
struct WindowPixel {
  WindowJob job;
  GRAPHRUN_DEVICE void operator()(std::int64_t i) const {
    const auto pixel = static_cast<std::uint32_t>(i);
    const std::uint32_t line = pixel / static_cast<std::uint32_t>(job.width);
    const std::uint32_t column = pixel % static_cast<std::uint32_t>(job.width);
    const bool mirrored = line >= static_cast<std::uint32_t>(job.height);
    const std::int64_t y = job.top + (mirrored ? line - static_cast<std::uint32_t>(job.height) : line);
    const std::int64_t x = mirrored ? job.right - 1 - column : job.left + column;
    const bool inside = y >= 0 && y < job.view_height && x >= 0 && x < job.view_width;
    const int channels = kChannels > 0 ? kChannels : job.channels;
    const float* const from = job.view + channels * (y * job.view_width + x);
    float* const to = job.input + i * job.pixel_stride;
    for (int c = 0; c < channels; ++c) to[c] = inside ? from[c] : 0.0f;
  }
};

// A warp brings some pixels of a row to the image's size, one after the other.
constexpr int kPixels = 4;

template <int kRegisters, bool kFind>
__global__ void __launch_bounds__(cuda::kThreads, 3) bring_back(const BackJob job) {
  const int classes = job.classes;
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  const int parts = (job.width + kPixels - 1) / kPixels;
  const std::int64_t part = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  const std::int64_t y = part / parts;
  if (y >= job.height) return;
  const int begin = static_cast<int>(part % parts) * kPixels;
  const int end = min(begin + kPixels, job.width);
  const LinearTap row = job.rows[y];
  const float* const upper = job.plane + row.first * job.plane_width * classes;
  const float* const lower = job.plane + row.second * job.plane_width * classes;
  std::uint16_t found = 0;
  for (int x = begin; x < end; ++x) {
    const LinearTap column = job.columns[x];
    const std::int64_t left = static_cast<std::int64_t>(column.first) * classes;
    const std::int64_t right = static_cast<std::int64_t>(column.second) * classes;
    const float weights[4] = {row.first_weight * column.first_weight, row.first_weight * column.second_weight,
                              row.second_weight * column.first_weight,
                              row.second_weight * column.second_weight};
    const std::int64_t pixel = (y * job.width + x) * classes;
    float sums[kRegisters];
    for_classes<kRegisters>(classes, [&](int k, int c) {
      sums[k] = (upper[left + c] * weights[0] + upper[right + c] * weights[1]) +
                (lower[left + c] * weights[2] + lower[right + c] * weights[3]);
    });
    if (job.before != nullptr) {
      for_classes<kRegisters>(classes, [&](int k, int c) { sums[k] = job.before[pixel + c] + sums[k]; });
    }
    if (kFind) {
      const std::uint16_t id = find_class(sums, classes);
      if (lane == x - begin) found = id;
      write_shares(job.shares, y * job.width + x, false, id, classes, sums);
    } else {
      for_classes<kRegisters>(classes, [&](int k, int c) { job.total[pixel + c] = sums[k]; });
    }
  }
  if (!kFind || lane >= end - begin) return;
  job.ids[y * job.width + begin + lane] = found;
}

}  // namespace

Status resize_normalised(cudaStream_t stream, const ResizeJob& job) {
  const std::int64_t pixels = static_cast<std::int64_t>(job.height) * job.width;
  constexpr const char* kName = "resize_normalised";
  if (!job.bytes) return cuda::for_each(stream, pixels, ResizePixel<float, 0>{job}, kName);
  if (job.channels != 3) return cuda::for_each(stream, pixels, ResizePixel<std::uint8_t, 0>{job}, kName);
  return cuda::for_each(stream, pixels, ResizePixel<std::uint8_t, 3>{job}, kName);
}

Status copy_window(cudaStream_t stream, const WindowJob& job) {
  const std::int64_t pixels = static_cast<std::int64_t>(job.samples) * job.height * job.width;
  if (job.channels != 3) return cuda::for_each(stream, pixels, WindowPixel<0>{job}, "copy_window");
  return cuda::for_each(stream, pixels, WindowPixel<3>{job}, "copy_window");
}

Status resize_back(cudaStream_t stream, const BackJob& job) {
  const std::int64_t parts = (job.width + kPixels - 1) / kPixels;
  const unsigned blocks = cuda::blocks_for(job.height * parts, kWarps);
  return with_registers(job.classes, [&](auto registers) {
    constexpr int kRegisters = decltype(registers)::value;
    if (job.total != nullptr) {
      bring_back<kRegisters, false><<<blocks, cuda::kThreads, 0, stream>>>(job);
    } else {
      bring_back<kRegisters, true><<<blocks, cuda::kThreads, 0, stream>>>(job);
    }
    return cuda::check_launch("resize_back");
  });
}

}  // namespace graphrun::imaging::gpu
