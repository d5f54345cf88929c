#pragma once

#include <cuda_runtime.h>
#include <stdint.h>

#include "runtime/cuda/check.h"

// What kernels of several rooms share. Device code: no std.
namespace graphrun::cuda {

inline constexpr int kThreads = 256;

// Blocks of kThreads threads for `count` threads. Precondition: count fits (Shape's limit is far below).
inline unsigned blocks_for(int64_t count, int64_t threads = kThreads) {
  return static_cast<unsigned>((count + threads - 1) / threads);
}

__device__ inline int64_t thread_index() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

template <class Body>
__global__ void __launch_bounds__(kThreads) run_each(const Body body, const int64_t count) {
  const int64_t i = thread_index();
  if (i < count) body(i);
}

// body(i) for each i of [0, count), one thread each.
template <class Body>
Status for_each(cudaStream_t stream, int64_t count, const Body& body, std::string_view what) {
  if (count == 0) return {};
  run_each<<<blocks_for(count), kThreads, 0, stream>>>(body, count);
  return check_launch(what);
}

// The sum over a warp's threads, in a fixed order, in each of them.
template <class T>
__device__ inline T warp_sum(T value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}
__device__ inline float warp_max(float value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2)
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
  return value;
}

// Several elements as one access of at most 16 bytes. Precondition of load and store: aligned to their size.
template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Vector {
  T element[kCount];
};
template <int kCount, class T>
__device__ inline Vector<T, kCount> load(const T* from) {
  return *reinterpret_cast<const Vector<T, kCount>*>(from);
}
template <class T, int kCount>
__device__ inline void store(T* to, const Vector<T, kCount>& values) {
  *reinterpret_cast<Vector<T, kCount>*>(to) = values;
}

}  // namespace graphrun::cuda
