#include "runtime/session/plan.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "graphrun/shape.h"
#include "runtime/core/checked.h"
#include "runtime/core/round_up.h"

namespace graphrun::session {
namespace {

std::int64_t aligned(std::int64_t bytes) { return core::round_up(bytes, kPlanAlignment); }

Status check(const PlanItem& item) {
  if (item.bytes >= 0 && item.bytes <= kMaxTensorBytes) return {};
  return {ErrorCode::out_of_memory, "a tensor of " + std::to_string(item.bytes) + " bytes cannot be planned"};
}

Status place(const PlanItem& item, std::int64_t offset, std::int64_t& place_of_item, MemoryPlan& plan) {
  place_of_item = offset;
  const auto end = core::checked_add(offset, item.bytes);
  if (!end || *end > INT64_MAX - kPlanAlignment)
    return {ErrorCode::out_of_memory, "the tensors of this graph need more bytes than there are"};
  plan.bytes = std::max(plan.bytes, aligned(*end));
  return {};
}

// Gaps between tensors that live.
class Gaps {
 public:
  // The smallest that fits; where none does, what follows all memory that has been used.
  std::int64_t take(std::int64_t bytes) {
    const auto found = by_size_.lower_bound({bytes, 0});
    if (found == by_size_.end()) return std::exchange(end_, end_ + bytes);
    const auto [size, offset] = *found;
    erase(offset, size);
    if (size > bytes) insert(offset + bytes, size - bytes);
    return offset;
  }
  void give(std::int64_t offset, std::int64_t bytes) {
    const auto next = by_offset_.find(offset + bytes);
    if (next != by_offset_.end()) {
      const std::int64_t more = next->second;
      erase(offset + bytes, more);
      bytes += more;
    }
    const auto after = by_offset_.lower_bound(offset);
    if (after != by_offset_.begin()) {
      const auto [before, size] = *std::prev(after);
      if (before + size == offset) {
        erase(before, size);
        offset = before;
        bytes += size;
      }
    }
    insert(offset, bytes);
  }

 private:
  void insert(std::int64_t offset, std::int64_t bytes) {
    by_offset_.emplace(offset, bytes);
    by_size_.emplace(bytes, offset);
  }
  void erase(std::int64_t offset, std::int64_t bytes) {
    by_offset_.erase(offset);
    by_size_.erase({bytes, offset});
  }
  std::map<std::int64_t, std::int64_t> by_offset_;
  std::set<std::pair<std::int64_t, std::int64_t>> by_size_;
  std::int64_t end_ = 0;
};

// In the order of time: nearly linear, and a little larger than the plan by size.
Result<MemoryPlan> plan_in_order(std::span<const PlanItem> items) {
  MemoryPlan plan;
  plan.offsets.assign(items.size(), 0);
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < items.size(); ++i) {
    GRAPHRUN_TRY(check(items[i]));
    if (items[i].bytes > 0) starts.push_back(i);
  }
  std::vector<std::size_t> ends = starts;
  std::ranges::stable_sort(starts, {}, [&](std::size_t i) { return items[i].first; });
  std::ranges::stable_sort(ends, {}, [&](std::size_t i) { return items[i].last; });
  Gaps gaps;
  std::int64_t all = 0;  // what the tensors of all steps take together
  auto done = ends.begin();
  for (const std::size_t index : starts) {
    for (; done != ends.end() && items[*done].last < items[index].first; ++done)
      gaps.give(plan.offsets[*done], aligned(items[*done].bytes));
    const auto sum = core::checked_add(all, aligned(items[index].bytes));
    if (!sum) return {ErrorCode::out_of_memory, "the tensors of this graph need more bytes than there are"};
    all = *sum;
    GRAPHRUN_TRY(place(items[index], gaps.take(aligned(items[index].bytes)), plan.offsets[index], plan));
  }
  return plan;
}

}  // namespace

Result<MemoryPlan> plan_memory(std::span<const PlanItem> items) {
  constexpr std::int64_t kMaxComparisons = std::int64_t{1} << 27;  // a fraction of a second
  std::int64_t comparisons = 0;
  MemoryPlan plan;
  plan.offsets.assign(items.size(), 0);
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order,
                           [&](std::size_t a, std::size_t b) { return items[a].bytes > items[b].bytes; });
  // Placed items in the order of their offsets, so that one walk finds the lowest gap.
  std::vector<std::size_t> placed;
  placed.reserve(items.size());
  for (const std::size_t index : order) {
    const PlanItem& item = items[index];
    if (item.bytes == 0) continue;
    GRAPHRUN_TRY(check(item));
    comparisons += std::ssize(placed);
    if (comparisons > kMaxComparisons) return plan_in_order(items);
    std::int64_t offset = 0;
    for (const std::size_t other : placed) {
      const PlanItem& fixed = items[other];
      if (fixed.last < item.first || fixed.first > item.last) continue;
      if (plan.offsets[other] >= offset + item.bytes) break;
      offset = std::max(offset, aligned(plan.offsets[other] + fixed.bytes));
    }
    GRAPHRUN_TRY(place(item, offset, plan.offsets[index], plan));
    const auto position =
        std::ranges::upper_bound(placed, offset, {}, [&](std::size_t i) { return plan.offsets[i]; });
    placed.insert(position, index);
  }
  return plan;
}

Status verify_plan(std::span<const PlanItem> items, const MemoryPlan& plan) {
  const auto broken = [](const std::string& what) {
    return Status(ErrorCode::internal, "memory plan: " + what);
  };
  if (plan.offsets.size() != items.size()) return broken("it has not one offset for each item");
  std::int32_t steps = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::int64_t offset = plan.offsets[i];
    if (items[i].bytes == 0) continue;
    if (offset < 0 || offset % kPlanAlignment != 0)
      return broken("item " + std::to_string(i) + " is misplaced");
    if (offset > plan.bytes - items[i].bytes)
      return broken("item " + std::to_string(i) + " leaves the arena");
    steps = std::max(steps, items[i].last + 1);
  }
  // Sweep over the steps with the set of live byte ranges: a new one must fit between its neighbours.
  std::vector<std::vector<std::size_t>> starts(static_cast<std::size_t>(steps));
  std::vector<std::vector<std::size_t>> ends(static_cast<std::size_t>(steps));
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].bytes == 0) continue;
    if (items[i].first < 0 || items[i].first > items[i].last)
      return broken("item " + std::to_string(i) + " has no life");
    starts[static_cast<std::size_t>(items[i].first)].push_back(i);
    ends[static_cast<std::size_t>(items[i].last)].push_back(i);
  }
  std::map<std::int64_t, std::size_t> live;
  for (std::size_t step = 0; step < starts.size(); ++step) {
    for (const std::size_t item : starts[step]) {
      const std::int64_t begin = plan.offsets[item];
      const auto next = live.lower_bound(begin);
      const bool hits_next = next != live.end() && next->first < begin + items[item].bytes;
      const bool hits_previous = next != live.begin() && [&] {
        const auto previous = std::prev(next);
        return previous->first + items[previous->second].bytes > begin;
      }();
      if (hits_next || hits_previous)
        return broken("item " + std::to_string(item) + " overlaps a living one");
      live.emplace(begin, item);
    }
    for (const std::size_t item : ends[step]) live.erase(plan.offsets[item]);
  }
  return {};
}

}  // namespace graphrun::session
