#pragma once

#include <cstdint>
#include <string>

#include "runtime/cuda/launch.cuh"
#include "runtime/imaging/cuda_jobs.h"

// A pixel's classes in the registers of a warp: thread `lane` holds the classes lane, lane + 32, ...
namespace graphrun::imaging::gpu {

inline constexpr int kWarp = 32;
inline constexpr int kWarps = cuda::kThreads / kWarp;

// work(k, c) for each class c that the thread holds in register k.
template <int kRegisters, class Work>
__device__ inline void for_classes(int classes, const Work& work) {
#pragma unroll
  for (int k = 0; k < kRegisters; ++k) {
    const int c = static_cast<int>(threadIdx.x % kWarp) + k * kWarp;
    if (c < classes) work(k, c);
  }
}

// The largest value of a pixel, those beyond the classes left out; NaN is passed over.
template <int kRegisters>
__device__ inline float largest(const float (&v)[kRegisters], int classes) {
  float max = -INFINITY;
  for_classes<kRegisters>(classes, [&](int k, int) { max = fmaxf(max, v[k]); });
  return cuda::warp_max(max);
}

// The first class that has the largest value; 0 where all are NaN.
template <int kRegisters>
__device__ inline std::uint16_t find_class(const float (&v)[kRegisters], int classes) {
  const float max = largest(v, classes);
  constexpr unsigned kNone = 0xffffffffu;
  unsigned first = kNone;
  for_classes<kRegisters>(classes, [&](int k, int c) {
    if (v[k] == max) first = min(first, static_cast<unsigned>(c));
  });
  first = __reduce_min_sync(0xffffffffu, first);
  return static_cast<std::uint16_t>(first == kNone ? 0 : first);
}

// The probabilities of a pixel of this class, as find_classes() (found_classes.h) says; the values are
// written over.
template <int kRegisters>
__device__ inline void write_shares(const Shares& to, std::int64_t pixel, bool logits, int id, int classes,
                                    float (&v)[kRegisters]) {
  if (to.confidence == nullptr && to.probabilities == nullptr) return;
  const float max = largest(v, classes);
  float sum = 0;
  for_classes<kRegisters>(classes, [&](int k, int) {
    if (logits) {
      v[k] = __expf(to.sharpness * (v[k] - max));
    } else if (to.sharpness != 1) {
      v[k] = __powf(v[k] / max, to.sharpness);
    }
    sum += v[k];
  });
  sum = cuda::warp_sum(sum);
  const float best = largest(v, classes) / sum;
  if (to.confidence != nullptr && threadIdx.x % kWarp == 0) to.confidence[pixel] = best;
  if (to.probabilities == nullptr) return;
  const float below = best * (1 - 0x1p-24f);  // rounds to the next smaller number
  for_classes<kRegisters>(classes, [&](int k, int c) {
    to.probabilities[c * to.plane + pixel] = fminf(v[k] / sum, c < id ? below : best);
  });
}

// launch(Registers<count>()) with the fewest registers a thread that hold so many classes. Beyond 256 classes
// they spill: slower, for networks that few have. Errors (unsupported): more than 1024 classes.
template <int kValue>
struct Registers {
  static constexpr int value = kValue;
};
template <class Launch>
Status with_registers(int classes, const Launch& launch) {
  if (classes <= 1 * kWarp) return launch(Registers<1>());
  if (classes <= 2 * kWarp) return launch(Registers<2>());
  if (classes <= 3 * kWarp) return launch(Registers<3>());
  if (classes <= 5 * kWarp) return launch(Registers<5>());
  if (classes <= 8 * kWarp) return launch(Registers<8>());
  if (classes <= 32 * kWarp) return launch(Registers<32>());
  return {ErrorCode::unsupported,
          "label maps of " + std::to_string(classes) + " classes cannot be computed on a GPU"};
}

}  // namespace graphrun::imaging::gpu
