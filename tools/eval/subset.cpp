#include "tools/eval/subset.h"

#include <algorithm>

namespace graphrun {

Result<std::unique_ptr<Subset>> Subset::make(const Dataset& data, std::int64_t first, std::int64_t count) {
  const std::int64_t left = data.size() - first;
  if (first < 0 || left <= 0) {
    return {ErrorCode::invalid_argument, "index_start is " + std::to_string(first) + ", but there are " +
                                             std::to_string(data.size()) + " samples"};
  }
  return std::unique_ptr<Subset>(new Subset(data, first, count > 0 ? std::min(count, left) : left));
}

}  // namespace graphrun
