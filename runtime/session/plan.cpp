#include "runtime/session/plan.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "graphrun/shape.h"
#include "runtime/core/checked.h"

namespace graphrun::session {
namespace {

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kPlanAlignment - 1) / kPlanAlignment * kPlanAlignment;
}

}  // namespace

Result<MemoryPlan> plan_memory(std::span<const PlanItem> items) {
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
    if (item.bytes < 0 || item.bytes > kMaxTensorBytes) {
      return {ErrorCode::out_of_memory,
              "a tensor of " + std::to_string(item.bytes) + " bytes cannot be planned"};
    }
    std::int64_t offset = 0;
    for (const std::size_t other : placed) {
      const PlanItem& fixed = items[other];
      if (fixed.last < item.first || fixed.first > item.last) continue;
      if (plan.offsets[other] >= offset + item.bytes) break;
      offset = std::max(offset, aligned(plan.offsets[other] + fixed.bytes));
    }
    plan.offsets[index] = offset;
    const auto end = core::checked_add(offset, item.bytes);
    if (!end) return {ErrorCode::out_of_memory, "the tensors of this graph need more bytes than there are"};
    plan.bytes = std::max(plan.bytes, aligned(*end));
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
