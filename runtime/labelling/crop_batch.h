#pragma once

#include <algorithm>
#include <cstdint>

// How many crops go through the network at once where binding it to a size is dear, as on a GPU, whose
// libraries measure what suits a size.
namespace graphrun::labelling {

// Batches of about the same size for an image of so many crops. More than kMax at once gain nothing.
inline std::int64_t even_batch(std::int64_t crops) {
  constexpr std::int64_t kMax = 32;
  const std::int64_t parts = (crops + kMax - 1) / kMax;
  return (crops + parts - 1) / parts;
}

// The last crops of an image, fewer than a batch, fill it up to a quarter of a batch, a half, three quarters
// or all of it: images of all sizes need four sizes of batches.
inline std::int64_t padded_batch(std::int64_t crops, std::int64_t batch) {
  const std::int64_t quarter = (batch + 3) / 4;
  return std::min(batch, (crops + quarter - 1) / quarter * quarter);
}

}  // namespace graphrun::labelling
