#pragma once

#include <algorithm>
#include <span>
#include <type_traits>

#include "graphrun/bfloat16.h"
#include "ops/batch_norm/body.h"
#include "ops/common/cuda_kernel.cuh"

// How this room's GPU kernels walk over a map: a thread keeps to one group of neighbouring channels, whose
// constants stay in its registers, and goes from pixel to pixel.
namespace graphrun::ops::batch_norm {

// Groups that a block takes side by side: a warp reads 512 bytes of a pixel with many channels, or several
// pixels that lie together.
inline constexpr int kMaxColumns = 32;

// A block is `columns` groups of channels by `rows` pixels. blockIdx.x counts blocks of groups; blockIdx.y is
// the first of the block's tiles, each of as many times `rows` pixels as a thread has in flight.
struct RowGrid {
  int64_t pixels = 0;
  int64_t tiles = 0;
  int channels = 0;
  int columns = 0;
  int rows = 0;
  unsigned column_blocks = 0;

  RowGrid(const TensorDesc& map, int vector, int threads, int unroll)
      : pixels(map.pixels()), channels(static_cast<int>(map.c())) {
    const int groups = (channels + vector - 1) / vector;
    const int blocks = (groups + kMaxColumns - 1) / kMaxColumns;
    columns = (groups + blocks - 1) / blocks;
    rows = threads / columns;
    column_blocks = static_cast<unsigned>(blocks);
    tiles = (pixels + rows * unroll - 1) / (rows * unroll);
  }
  // For as many blocks as the device runs at once.
  dim3 blocks(int64_t resident) const {
    const int64_t most = std::clamp<int64_t>(resident / column_blocks, 1, 65535);
    return {column_blocks, static_cast<unsigned>(std::clamp<int64_t>(tiles, 1, most)), 1};
  }
};

// Neighbouring channels that make up 16 bytes, if all maps can be read and written so.
template <class T>
bool is_wide(const TensorDesc& map, std::span<const int64_t> strides) {
  constexpr int64_t kVector = 16 / sizeof(T);
  return map.c() % kVector == 0 &&
         std::all_of(strides.begin(), strides.end(), [](int64_t stride) { return stride % kVector == 0; });
}

template <class Function>
Result<int64_t> resident_blocks(const cuda::Device& device, Function kernel, int threads) {
  int per_multiprocessor = 0;
  GRAPHRUN_TRY(
      cuda::check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_multiprocessor, kernel, threads, 0),
                  "blocks of a kernel"));
  return static_cast<int64_t>(per_multiprocessor) * device.multiprocessors();
}

// Where a thread of a RowGrid works.
struct Place {
  int column;
  int row;
  int channel;  // the first of its group
  bool active;
};
template <int kVector>
__device__ inline Place place_in(const RowGrid& grid) {
  const int thread = static_cast<int>(threadIdx.x);
  Place place;
  place.row = thread / grid.columns;
  place.column = thread - place.row * grid.columns;
  place.channel = (static_cast<int>(blockIdx.x) * grid.columns + place.column) * kVector;
  place.active = place.row < grid.rows && place.channel < grid.channels;
  return place;
}

// make(channel, values) gives kCount constants of one channel. It is called once a channel and block; each
// thread gets those of its group. All threads of the block must call it.
template <int kCount, int kVector, class Make>
__device__ inline void load_constants(const RowGrid& grid, const Place& place,
                                      float (&constants)[kCount][kVector], const Make& make) {
  __shared__ float table[kCount][kMaxColumns * kVector];
  const int width = grid.columns * kVector;
  const int first = static_cast<int>(blockIdx.x) * width;
  static_assert(kMaxColumns * kVector <= cuda::kThreads);  // of a block, or more
  const int i = static_cast<int>(threadIdx.x);
  if (i < width) {
    float values[kCount] = {};
    if (first + i < grid.channels) make(first + i, values);
#pragma unroll
    for (int k = 0; k < kCount; ++k) table[k][i] = values[k];
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kCount; ++k) {
#pragma unroll
    for (int v = 0; v < kVector; ++v) constants[k][v] = table[k][place.column * kVector + v];
  }
}

// The block's pixels, kUnroll at a time: load(pixel) of all of them comes before use(values, pixel) of the
// first; then tile_done(). At the map's end the first pixel of the tile is loaded in place of those beyond,
// and not used.
template <int kUnroll, bool kBackwards, class Load, class Use, class TileDone>
__device__ inline void walk(const RowGrid& grid, int row, const Load& load, const Use& use,
                            const TileDone& tile_done) {
  const int64_t height = static_cast<int64_t>(grid.rows) * kUnroll;
  for (int64_t i = blockIdx.y; i < grid.tiles; i += gridDim.y) {
    const int64_t first = (kBackwards ? grid.tiles - 1 - i : i) * height;
    const int64_t pixel = first + row;
    if (first + height <= grid.pixels) {
      decltype(load(pixel)) values[kUnroll];
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) values[u] = load(pixel + u * grid.rows);
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) use(values[u], pixel + u * grid.rows);
    } else {
      decltype(load(pixel)) values[kUnroll];
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        const int64_t at = pixel + u * grid.rows;
        values[u] = load(at < grid.pixels ? at : first);
      }
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        const int64_t at = pixel + u * grid.rows;
        if (at >= grid.pixels) break;
        use(values[u], at);
      }
    }
    tile_done();
  }
}

// body.h's normalise(), its roundings written out: forward and backward pass must find the same sign, and
// what a compiler contracts may differ from kernel to kernel.
__device__ inline float normalise_exactly(float x, float mean, float scale, float bias) {
  return __fmaf_rn(__fsub_rn(x, mean), scale, bias);
}
__device__ inline float scale_of(float inv_std, float weight) { return __fmul_rn(inv_std, weight); }

// kVector elements in registers, as words where they fill words: conversions take bf16 in pairs.
template <class T, int kVector>
struct Group {
  using Packed = cuda::Vector<T, kVector>;
  Packed packed;

  __device__ float operator[](int i) const { return static_cast<float>(packed.element[i]); }
};

template <int kVector>
struct Group<BFloat16, kVector> {
  static_assert(kVector % 2 == 0);
  using Packed = cuda::Vector<uint32_t, kVector / 2>;
  Packed packed;

  __device__ float operator[](int i) const {
    const uint32_t word = packed.element[i / 2];
    return __uint_as_float(i % 2 == 0 ? word << 16 : word & 0xFFFF0000u);
  }
};
template <>
struct Group<BFloat16, 1> {
  using Packed = cuda::Vector<BFloat16, 1>;
  Packed packed;

  __device__ float operator[](int) const { return static_cast<float>(packed.element[0]); }
};

// Both to the nearest, ties to even; a NaN stays one.
__device__ inline uint32_t bf16_pair(float low, float high) {
  uint32_t word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}

template <class T, int kVector>
__device__ inline Group<T, kVector> load_group(const T* from) {
  return {*reinterpret_cast<const typename Group<T, kVector>::Packed*>(from)};
}

template <class T, int kVector>
__device__ inline void store_group(T* to, const float (&values)[kVector]) {
  typename Group<T, kVector>::Packed packed;
  if constexpr (std::is_same_v<T, BFloat16> && kVector > 1) {
#pragma unroll
    for (int i = 0; i < kVector / 2; ++i) packed.element[i] = bf16_pair(values[2 * i], values[2 * i + 1]);
  } else {
#pragma unroll
    for (int i = 0; i < kVector; ++i) packed.element[i] = static_cast<T>(values[i]);
  }
  *reinterpret_cast<typename Group<T, kVector>::Packed*>(to) = packed;
}

}  // namespace graphrun::ops::batch_norm
