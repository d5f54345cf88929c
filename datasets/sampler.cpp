#include "datasets/sampler.h"

#include <numeric>
#include <string>
#include <utility>

#include "runtime/core/random.h"

namespace graphrun::datasets {

Result<Sampler> Sampler::make(const SamplerSettings& settings) {
  const auto number = [](std::int64_t n) { return std::to_string(n); };
  if (settings.ranks < 1 || settings.rank < 0 || settings.rank >= settings.ranks) {
    return Status(ErrorCode::invalid_argument,
                  "rank " + number(settings.rank) + " of " + number(settings.ranks));
  }
  if (settings.batch_size < 1 || settings.batch_size % settings.ranks != 0) {
    return Status(ErrorCode::invalid_argument, "batch_size " + number(settings.batch_size) +
                                                   ": expected a positive multiple of the " +
                                                   number(settings.ranks) + " ranks");
  }
  if (settings.samples < settings.batch_size || settings.samples > std::int64_t{UINT32_MAX}) {
    return Status(ErrorCode::invalid_argument, "batch_size " + number(settings.batch_size) +
                                                   " does not fit a split of " + number(settings.samples) +
                                                   " samples: an epoch would have no iteration");
  }
  return Sampler(settings);
}

std::vector<std::int64_t> Sampler::order(std::int64_t epoch) const {
  std::vector<std::int64_t> order(static_cast<std::size_t>(settings_.samples));
  std::iota(order.begin(), order.end(), settings_.first);
  if (!settings_.shuffle) return order;
  core::Random random(settings_.seed, core::RandomPurpose::shuffle, static_cast<std::uint32_t>(epoch));
  for (std::size_t i = order.size() - 1; i > 0; --i) {
    std::swap(order[i], order[random.next_below(static_cast<std::uint32_t>(i + 1))]);
  }
  return order;
}

std::span<const std::int64_t> Sampler::batch(std::span<const std::int64_t> order,
                                             std::int64_t iteration) const {
  const std::int64_t share = batch_size_of_rank();
  const std::int64_t first = iteration * settings_.batch_size + settings_.rank * share;
  return order.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(share));
}

}  // namespace graphrun::datasets
