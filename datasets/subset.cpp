#include "datasets/subset.h"

#include <algorithm>

namespace graphrun::datasets {

Result<std::unique_ptr<Subset>> Subset::make(const Dataset& data, const SampleRange& range) {
  const std::int64_t left = data.size() - range.first;
  if (range.first < 0 || left <= 0) {
    return {ErrorCode::invalid_argument, "index_start is " + std::to_string(range.first) +
                                             ", but there are " + std::to_string(data.size()) + " samples"};
  }
  const std::int64_t count = range.count > 0 ? std::min(range.count, left) : left;
  return std::unique_ptr<Subset>(new Subset(data, range.first, count, 1));
}

std::unique_ptr<Subset> Subset::shard(const Dataset& data, int rank, int ranks) {
  const std::int64_t count = (data.size() - rank + ranks - 1) / ranks;
  return std::unique_ptr<Subset>(new Subset(data, rank, count, ranks));
}

SampleRange Subset::range() const {
  if (count_ == data_.size()) return {};
  return {first_, count_};
}

}  // namespace graphrun::datasets
