#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/numeric/interpolation.h"
#include "runtime/numeric/interpolation_weights.h"

// Where the outputs of an interpolation read along one axis, in the f32 arithmetic that PyTorch uses, so that
// results agree with it to the last bits.
namespace graphrun::numeric {

struct Sampling {
  std::vector<InterpolationWeights> taps;  // of each output index; `first` never falls
  std::vector<std::int32_t> readers;  // outputs readers[i] to readers[i + 1] are those whose `first` is i
};

// Where output i lies among the sources.
inline float source_position(Interpolation rule, std::int64_t in, std::int64_t out, std::int64_t i) {
  const auto at = static_cast<float>(i);
  // Products must be rounded before a sum is taken: no fused multiply-add here.
  if (rule == Interpolation::aligned_corners) {
    const float scale = out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1) : 0.0f;
    const volatile float position = scale * at;
    return position;
  }
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  if (rule == Interpolation::nearest) return scale * at;
  const volatile float edge = scale * (at + 0.5f);
  return std::max(edge - 0.5f, 0.0f);
}

inline InterpolationWeights interpolation_weights(Interpolation rule, std::int64_t in, std::int64_t out,
                                                  std::int64_t i) {
  const float source = source_position(rule, in, out, i);
  const auto last = static_cast<std::int32_t>(in - 1);
  InterpolationWeights tap;
  tap.first = static_cast<std::int32_t>(source);
  if (tap.first > last) tap.first = last;
  const float fraction = source - static_cast<float>(tap.first);
  tap.second = tap.first;
  if (rule != Interpolation::nearest && tap.first < last && fraction > 0) {
    tap.second = tap.first + 1;
    tap.first_weight = 1.0f - fraction;
    tap.second_weight = fraction;
  }
  return tap;
}

// What sampling() keeps.
inline std::int64_t sampling_bytes(std::int64_t in, std::int64_t out) {
  return out * static_cast<std::int64_t>(sizeof(InterpolationWeights)) +
         (in + 1) * static_cast<std::int64_t>(sizeof(std::int32_t));
}

inline Sampling sampling(Interpolation rule, std::int64_t in, std::int64_t out) {
  Sampling sampling;
  sampling.taps.reserve(static_cast<std::size_t>(out));
  for (std::int64_t i = 0; i < out; ++i) sampling.taps.push_back(interpolation_weights(rule, in, out, i));
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
