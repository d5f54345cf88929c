#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graphrun/status.h"

namespace graphrun::datasets {

struct SamplerSettings {
  std::int64_t samples = 0;
  std::int64_t first = 0;       // index of the first of them in the data set
  std::int64_t batch_size = 0;  // over all ranks
  int rank = 0;
  int ranks = 1;
  bool shuffle = true;  // false: list order in every epoch
  std::uint64_t seed = 0;
};

// Which samples make up which batch: a function of seed, epoch and iteration alone. Rank r of a batch of
// b slots a rank takes slots [r * b, (r + 1) * b), so that the global batch does not depend on the number of
// ranks.
class Sampler {
 public:
  // Errors: batch_size not a multiple of ranks, or more than there are samples.
  static Result<Sampler> make(const SamplerSettings& settings);

  const SamplerSettings& settings() const { return settings_; }
  // floor(samples / batch_size): the samples left over at the end of an epoch's order are not used in it.
  std::int64_t iterations_per_epoch() const { return settings_.samples / settings_.batch_size; }
  std::int64_t batch_size_of_rank() const { return settings_.batch_size / settings_.ranks; }

  // Indices of the samples in the data set, in an epoch's order.
  std::vector<std::int64_t> order(std::int64_t epoch) const;
  // This rank's part of a batch, within an order; iteration from 0 to iterations_per_epoch() - 1.
  std::span<const std::int64_t> batch(std::span<const std::int64_t> order, std::int64_t iteration) const;

 private:
  explicit Sampler(const SamplerSettings& settings) : settings_(settings) {}
  SamplerSettings settings_;
};

}  // namespace graphrun::datasets
