#include <cstddef>

#include "runtime/imaging/cuda_jobs.h"
#include "runtime/imaging/cuda_pixel.cuh"

// Logits are a fraction of the size of what is made of them. A block takes some columns of a row: it mixes
// the rows of logits that the row reads once, for the columns of logits that it needs, into shared memory,
// and its warps go over the pixels.
namespace graphrun::imaging::gpu {
namespace {

// Columns of logits that outputs [begin, end) read.
struct Span {
  int low;
  int count;
  __device__ Span(const TapTable& columns, int begin, int end)
      : low(columns.low[begin]), count(columns.high[end - 1] - low + 1) {}
};

// Output i of the taps. The sample `low` is at `samples`, those after it `stride` elements apart.
template <int kRegisters>
__device__ void interpolate(const TapTable& taps, int i, const float* samples, int low, std::int64_t stride,
                            int classes, float (&v)[kRegisters]) {
  const int from = taps.begin[i];
  const int end = taps.begin[i + 1];
  const float* sample = samples + (taps.index[from] - low) * stride;
  float weight = taps.weight[from];
  for_classes<kRegisters>(classes, [&](int k, int c) { v[k] = weight * sample[c]; });
  for (int tap = from + 1; tap < end; ++tap) {
    sample = samples + (taps.index[tap] - low) * stride;
    weight = taps.weight[tap];
    for_classes<kRegisters>(classes, [&](int k, int c) { v[k] += weight * sample[c]; });
  }
}

// Logits become exponentials; returns what makes them probabilities.
template <int kRegisters>
__device__ float exponentials(int classes, float (&v)[kRegisters]) {
  const float max = largest(v, classes);
  float sum = 0;
  for_classes<kRegisters>(classes, [&](int k, int) {
    v[k] = __expf(v[k] - max);
    sum += v[k];
  });
  return 1.0f / cuda::warp_sum(sum);
}

template <int kRegisters, bool kMirrored, bool kFind>
__global__ void __launch_bounds__(cuda::kThreads, 4) softmax_tile(const SoftmaxJob job) {
  extern __shared__ float mixed[];  // columns of the sample, then those of its mirror image
  const int classes = job.classes;
  const int warp = static_cast<int>(threadIdx.x / kWarp);
  const int tiles = (job.end_column - job.first_column + job.tile - 1) / job.tile;
  const int row = job.first_row + static_cast<int>(blockIdx.x) / tiles;
  const int begin = job.first_column + static_cast<int>(blockIdx.x) % tiles * job.tile;
  const int end = min(begin + job.tile, job.end_column);
  const int width = job.columns.size;
  const Span span(job.columns, begin, end);
  const Span mirrored(job.columns, width - end, width - begin);
  const int columns = span.count + (kMirrored ? mirrored.count : 0);
  for (int i = warp; i < columns; i += kWarps) {
    const bool second = kMirrored && i >= span.count;
    const int column = second ? mirrored.low + i - span.count : span.low + i;
    const float* const logits = job.logits + (second ? job.sample_stride : 0) + column * job.pixel_stride;
    float sums[kRegisters];
    interpolate(job.rows, row, logits, 0, job.row_stride, classes, sums);
    for_classes<kRegisters>(classes, [&](int k, int c) { mixed[i * classes + c] = sums[k]; });
  }
  __syncthreads();

  const std::int64_t out_row = (row - job.first_row) * job.out_width - job.first_column;
  for (int x = begin + warp; x < end; x += kWarps) {
    const std::int64_t pixel = out_row + x;
    const float* before = job.total;
    if (!kFind && (row < job.new_row || x < job.new_column)) before = job.sums;
    float sums[kRegisters] = {};
    if (before != nullptr)
      for_classes<kRegisters>(classes, [&](int k, int c) { sums[k] = before[pixel * classes + c]; });
    float v[kRegisters];
    interpolate(job.columns, x, mixed, span.low, classes, classes, v);
    const bool logits = kFind && !kMirrored && before == nullptr;
    if (logits) {
      for_classes<kRegisters>(classes, [&](int k, int) { sums[k] = v[k]; });
    } else {
      const float scale = exponentials(classes, v);
      for_classes<kRegisters>(classes, [&](int k, int) { sums[k] += v[k] * scale; });
    }
    if (kMirrored) {
      interpolate(job.columns, width - 1 - x, mixed + span.count * classes, mirrored.low, classes, classes,
                  v);
      const float scale = exponentials(classes, v);
      for_classes<kRegisters>(classes, [&](int k, int) { sums[k] += v[k] * scale; });
    }
    if (kFind) {
      const std::uint16_t id = find_class(sums, classes);
      if (threadIdx.x % kWarp == 0) job.ids[pixel] = id;
      write_shares(job.shares, pixel, logits, id, classes, sums);
    } else {
      for_classes<kRegisters>(classes, [&](int k, int c) { job.sums[pixel * classes + c] = sums[k]; });
    }
  }
}

}  // namespace

Status softmax(cudaStream_t stream, const SoftmaxJob& job) {
  const std::int64_t tiles = (job.end_column - job.first_column + job.tile - 1) / job.tile;
  const unsigned blocks = static_cast<unsigned>((job.end_row - job.first_row) * tiles);
  const bool mirrored = job.sample_stride != 0;
  const std::size_t shared =
      sizeof(float) * static_cast<std::size_t>((mirrored ? 2 : 1) * job.span * job.classes);
  return with_registers(job.classes, [&](auto registers) {
    constexpr int kRegisters = decltype(registers)::value;
    const auto launch = [&](auto* kernel) { kernel<<<blocks, cuda::kThreads, shared, stream>>>(job); };
    if (job.ids != nullptr) {
      launch(mirrored ? softmax_tile<kRegisters, true, true> : softmax_tile<kRegisters, false, true>);
    } else {
      launch(mirrored ? softmax_tile<kRegisters, true, false> : softmax_tile<kRegisters, false, false>);
    }
    return cuda::check_launch("softmax");
  });
}

}  // namespace graphrun::imaging::gpu
