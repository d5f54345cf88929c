#pragma once

#include <initializer_list>

#include "ops/common/cuda_kernel.cuh"

// Softmax and its like over the channels of a pixel on a GPU: a group of threads takes a pixel and keeps its
// channels in registers, so that memory is read once however often they are needed.
namespace graphrun::ops {

// kLanes threads a pixel, each with kRuns runs of kVector neighbouring channels; lanes take turns. kLanes is
// a power of two up to 32, or a whole block's.
template <int kLanes_, int kVector_, int kHeld>
struct ChannelGroup {
  static constexpr int kLanes = kLanes_;
  static constexpr int kVector = kVector_;
  static constexpr int kRuns = kHeld / kVector;
  static constexpr int kPiece = kLanes * kHeld;  // channels that the group holds at once
  static constexpr int kWarps = kLanes / 32;

  static __device__ int lane() { return static_cast<int>(threadIdx.x) % kLanes; }

  // In each thread of the group. All threads of a warp, or of the block, must call.
  template <class T, class ReduceOp>
  static __device__ T reduce(T value, const ReduceOp& combine) {
#pragma unroll
    for (int offset = (kLanes < 32 ? kLanes : 32) / 2; offset > 0; offset /= 2)
      value = combine(value, __shfl_xor_sync(0xffffffffu, value, offset));
    if constexpr (kWarps > 1) {
      __shared__ T of_warp[kWarps];
      if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
      __syncthreads();
      value = of_warp[0];
#pragma unroll
      for (int i = 1; i < kWarps; ++i) value = combine(value, of_warp[i]);
      __syncthreads();  // the next reduction writes there
    }
    return value;
  }
  static __device__ float max(float value) {
    return reduce(value, [](float a, float b) { return fmaxf(a, b); });
  }
  static __device__ float sum(float value) {
    return reduce(value, [](float a, float b) { return a + b; });
  }
  static __device__ int min(int value) {
    return reduce(value, [](int a, int b) { return a < b ? a : b; });
  }

  // A thread's part of a piece. Precondition: kVector divides the number of channels and the strides.
  struct Held {
    float value[kHeld];

    // Channels from `end` on are `fill`.
    template <class T>
    __device__ void load(const T* from, int begin, int end, float fill) {
#pragma unroll
      for (int r = 0; r < kRuns; ++r) {
        const int at = channel(begin, r * kVector);
        cuda::Vector<T, kVector> run;
        if (at < end) run = cuda::load<kVector>(from + at);
#pragma unroll
        for (int k = 0; k < kVector; ++k)
          value[r * kVector + k] = at < end ? static_cast<float>(run.element[k]) : fill;
      }
    }
    template <class T>
    __device__ void store(T* to, int begin, int end) const {
#pragma unroll
      for (int r = 0; r < kRuns; ++r) {
        const int at = channel(begin, r * kVector);
        if (at >= end) continue;
        cuda::Vector<T, kVector> run;
#pragma unroll
        for (int k = 0; k < kVector; ++k) run.element[k] = static_cast<T>(value[r * kVector + k]);
        cuda::store(to + at, run);
      }
    }
    __device__ float max() const {
      float max = value[0];
#pragma unroll
      for (int i = 1; i < kHeld; ++i) max = fmaxf(max, value[i]);
      return max;
    }
    __device__ float sum() const {
      float sum = 0;
#pragma unroll
      for (int i = 0; i < kHeld; ++i) sum += value[i];
      return sum;
    }
    __device__ void exp(float shift) {
#pragma unroll
      for (int i = 0; i < kHeld; ++i) value[i] = expf(value[i] - shift);
    }
    __device__ void scale(float factor) {
#pragma unroll
      for (int i = 0; i < kHeld; ++i) value[i] *= factor;
    }
    // Whose value is value[i].
    static __device__ int channel(int begin, int i) {
      return begin + (i / kVector * kLanes + lane()) * kVector + i % kVector;
    }
  };

  // The functions of a whole pixel take its channels piece by piece; of one piece, loaded by row_max, they
  // read nothing again. A pixel whose `end` is 0 instead of `channels` is not read.

  // The largest value; NaN is passed over.
  template <class T>
  static __device__ float numeric::row_max(Held& held, const T* from, int channels, int end) {
    float largest = -INFINITY;
#pragma unroll 1
    for (int begin = 0; begin < channels; begin += kPiece) {
      held.load(from, begin, end, -INFINITY);
      largest = fmaxf(largest, held.max());
    }
    return max(largest);
  }
  // The first channel with the value `max`; 0 where none has.
  template <class T>
  static __device__ int numeric::row_find(Held& held, const T* from, float max, int channels, int end) {
    int found = channels;
#pragma unroll 1
    for (int begin = 0; begin < channels; begin += kPiece) {
      if (channels > kPiece) held.load(from, begin, end, -INFINITY);
#pragma unroll
      for (int i = 0; i < kHeld; ++i) {
        const int channel = Held::channel(begin, i);
        if (held.value[i] == max && channel < found) found = channel;
      }
    }
    found = min(found);
    return found < channels ? found : 0;
  }
  // The sum of e^(value - shift). Leaves these powers of the last piece in `held`.
  template <class T>
  static __device__ float numeric::row_exp(Held& held, const T* from, float shift, int channels, int end) {
    float total = 0;
#pragma unroll 1
    for (int begin = 0; begin < channels; begin += kPiece) {
      if (channels > kPiece) held.load(from, begin, end, -INFINITY);
      held.exp(shift);
      total += held.sum();
    }
    return sum(total);
  }
};

// Neighbouring channels that one access takes, of at most 16 bytes, where all of `tensors` allow that.
inline int channel_vector(std::initializer_list<TensorDesc> tensors) {
  const auto wide = static_cast<int>(16 / size_of(tensors.begin()->dtype));
  for (const int vector : {wide, 2}) {
    bool fits = true;
    for (const TensorDesc& tensor : tensors)
      fits = fits && tensor.c() % vector == 0 && tensor.pixel_stride % vector == 0;
    if (fits) return vector;
  }
  return 1;
}

// launch<kVector>() for a channel_vector() of T.
template <class T, class Launch>
Status for_vector(int vector, const Launch& launch) {
  if (vector == 1) return launch.template operator()<1>();
  if (vector == 2) return launch.template operator()<2>();
  return launch.template operator()<16 / sizeof(T)>();
}

// launch<ChannelGroup>() with few threads a pixel where it has few channels; a warp at most.
template <class T, class Launch>
Status for_warp_group(int64_t channels, int vector, const Launch& launch) {
  return for_vector<T>(vector, [&]<int kVector>() {
    return channels <= 64 ? launch.template operator()<ChannelGroup<8, kVector, 8>>()
                          : launch.template operator()<ChannelGroup<32, kVector, 8>>();
  });
}

// The same; a block where a warp could not hold a pixel.
template <class T, class Launch>
Status for_group(int64_t channels, int vector, const Launch& launch) {
  if (channels <= 512) return for_warp_group<T>(channels, vector, launch);
  return for_vector<T>(vector, [&]<int kVector>() {
    return launch.template operator()<ChannelGroup<cuda::kThreads, kVector, 16>>();
  });
}

}  // namespace graphrun::ops
