#pragma once

#include <algorithm>
#include <vector>

#include "ops/common/optimizer.h"
#include "runtime/cpu/parallel.h"

namespace graphrun::ops {

// The parameters of an optimiser's node as one range of elements, cut evenly, so that many small tensors cost
// what one large one costs.
class ParameterRange {
 public:
  explicit ParameterRange(const KernelRequest& request)
      : operands_(update_operands(request)),
        multipliers_(rate_multipliers(request, operands_.count)),
        threads_(request.threads) {
    for (std::size_t i = 0; i < operands_.count; ++i)
      starts_.push_back(starts_.back() + request.inputs[operands_.parameter(i)].shape.count());
  }

  const UpdateOperands& operands() const { return operands_; }
  float multiplier(std::size_t parameter) const { return multipliers_[parameter]; }

  // body(parameter, begin, length), each element once, on several threads.
  template <class Body>
  void for_each(const Body& body) const {
    constexpr std::int64_t kGrain = 1 << 14;
    cpu::parallel_for(threads_, starts_.back(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      auto i = static_cast<std::size_t>(std::ranges::upper_bound(starts_, begin) - starts_.begin()) - 1;
      for (; i < operands_.count && starts_[i] < end; ++i) {
        const std::int64_t from = std::max(begin, starts_[i]) - starts_[i];
        body(i, from, std::min(end, starts_[i + 1]) - starts_[i] - from);
      }
    });
  }

 private:
  UpdateOperands operands_;
  std::vector<float> multipliers_;
  std::vector<std::int64_t> starts_{0};
  int threads_;
};

}  // namespace graphrun::ops
