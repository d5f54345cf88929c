#pragma once

#include <cstdint>
#include <vector>

#include "runtime/numeric/interpolation_weights.h"

// Bilinear sampling with aligned corners along one axis: output i reads the source at i (in - 1)/(out - 1),
// in the f32 arithmetic that PyTorch uses, so that results agree with it to the last bits.
namespace graphrun::numeric {

struct Sampling {
  std::vector<InterpolationWeights> taps;  // of each output index; `first` never falls
  std::vector<std::int32_t> readers;  // outputs readers[i] to readers[i + 1] are those whose `first` is i
};

// What align_corners() keeps.
inline std::int64_t sampling_bytes(std::int64_t in, std::int64_t out) {
  return out * static_cast<std::int64_t>(sizeof(InterpolationWeights)) +
         (in + 1) * static_cast<std::int64_t>(sizeof(std::int32_t));
}

inline Sampling align_corners(std::int64_t in, std::int64_t out) {
  Sampling sampling;
  sampling.taps.reserve(static_cast<std::size_t>(out));
  const float scale = out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1) : 0.0f;
  const auto last = static_cast<std::int32_t>(in - 1);
  for (std::int64_t i = 0; i < out; ++i) {
    // The product must be rounded before the difference is taken: no fused multiply-add here.
    const volatile float source = scale * static_cast<float>(i);
    InterpolationWeights tap;
    tap.first = static_cast<std::int32_t>(source);
    if (tap.first > last) tap.first = last;
    const float fraction = source - static_cast<float>(tap.first);
    tap.second = tap.first;
    if (tap.first < last && fraction > 0) {
      tap.second = tap.first + 1;
      tap.first_weight = 1.0f - fraction;
      tap.second_weight = fraction;
    }
    sampling.taps.push_back(tap);
  }
  sampling.readers.assign(static_cast<std::size_t>(in) + 1, static_cast<std::int32_t>(out));
  for (std::int64_t i = out - 1; i >= 0; --i) {
    sampling.readers[static_cast<std::size_t>(sampling.taps[static_cast<std::size_t>(i)].first)] =
        static_cast<std::int32_t>(i);
  }
  for (std::int64_t i = in - 1; i >= 0; --i) {
    const auto at = static_cast<std::size_t>(i);
    if (sampling.readers[at] > sampling.readers[at + 1]) sampling.readers[at] = sampling.readers[at + 1];
  }
  return sampling;
}

}  // namespace graphrun::numeric
