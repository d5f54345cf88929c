#include "runtime/session/rematerialisation.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <span>
#include <utility>

namespace graphrun::session {
namespace {

// A node that gives what an earlier one has given. Undone, the earlier outputs live until the later readers.
struct Rematerialisation {
  std::size_t first = 0;  // of LoweredMethod::nodes
  std::size_t again = 0;
  std::int64_t bytes = 0;    // of the outputs
  std::int64_t traffic = 0;  // bytes that are read and written again, in whole multiples of `bytes`
};

// What ranks add up is left out by all or none of them, but each has its own memory to spend.
bool may_be_left_out(const LoweredNode& node, const std::vector<std::int32_t>& variables) {
  const bool into_variable = std::ranges::any_of(node.outputs, [&](ValueId id) {
    return id != kNoValue && variables[static_cast<std::size_t>(id)] >= 0;
  });
  const bool reduced = std::ranges::any_of(
      node.def->outputs, [](const OutputSpec& output) { return output.reduction != Reduction::none; });
  return node.def->recompute && !into_variable && !reduced;
}

std::int64_t bytes_of(const LoweredMethod& lowered, std::span<const ValueId> ids) {
  std::int64_t sum = 0;
  for (const ValueId id : ids) {
    if (id != kNoValue) sum += lowered.descs[static_cast<std::size_t>(id)].bytes();
  }
  return sum;
}

std::vector<Rematerialisation> find(const LoweredMethod& lowered,
                                    const std::vector<std::int32_t>& variables) {
  std::vector<Rematerialisation> found;
  std::map<std::pair<const Kernel*, std::vector<ValueId>>, std::size_t> firsts;
  for (std::size_t i = 0; i < lowered.nodes.size(); ++i) {
    const LoweredNode& node = lowered.nodes[i];
    if (!may_be_left_out(node, variables)) continue;
    // Nodes of the same op, attributes and shapes share a kernel.
    const auto [first, is_new] = firsts.try_emplace({node.kernel.get(), node.inputs}, i);
    if (is_new) continue;
    const std::int64_t bytes = bytes_of(lowered, node.outputs);
    const std::int64_t traffic = (bytes_of(lowered, node.inputs) + bytes) / std::max<std::int64_t>(bytes, 1);
    found.push_back({first->second, i, bytes, traffic});
  }
  return found;
}

// Nearly all lives that an undone recomputation makes longer cross the peak, at the turn from forward to
// backward, so that each costs its bytes there: first come those that save most traffic for a byte, a
// residual's among them, and of these the ones that are needed again soonest.
void sort_by_worth(std::vector<Rematerialisation>& rematerialisations) {
  std::ranges::stable_sort(rematerialisations, {}, [](const Rematerialisation& one) {
    return std::pair(-one.traffic, one.again - one.first);
  });
}

LoweredMethod without(const LoweredMethod& lowered, std::span<const Rematerialisation> undone) {
  std::vector<ValueId> kept(lowered.values.size());
  std::iota(kept.begin(), kept.end(), ValueId{0});
  std::vector<bool> left_out(lowered.nodes.size(), false);
  for (const Rematerialisation& one : undone) {
    left_out[one.again] = true;
    const std::vector<ValueId>& outputs = lowered.nodes[one.again].outputs;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i] != kNoValue)
        kept[static_cast<std::size_t>(outputs[i])] = lowered.nodes[one.first].outputs[i];
    }
  }
  LoweredMethod rest{lowered.values, lowered.descs, {}, lowered.outputs};
  for (std::size_t i = 0; i < lowered.nodes.size(); ++i) {
    if (left_out[i]) continue;
    LoweredNode& node = rest.nodes.emplace_back(lowered.nodes[i]);
    for (ValueId& id : node.inputs) {
      if (id != kNoValue) id = kept[static_cast<std::size_t>(id)];
    }
  }
  for (model::NamedValue& output : rest.outputs) output.value = kept[static_cast<std::size_t>(output.value)];
  return rest;
}

// Moves from `waiting` to `undone`, in their order, what fits in `room` if each adds its bytes. Returns
// these.
std::int64_t take(std::vector<Rematerialisation>& waiting, std::int64_t room,
                  std::vector<Rematerialisation>& undone) {
  std::int64_t bytes = 0;
  std::vector<Rematerialisation> rest;
  for (const Rematerialisation& one : waiting) {
    const bool fits = one.bytes <= room - bytes;
    (fits ? undone : rest).push_back(one);
    if (fits) bytes += one.bytes;
  }
  waiting = std::move(rest);
  return bytes;
}

}  // namespace

Result<Rematerialisations> undo_rematerialisations(LoweredMethod& lowered,
                                                   const std::vector<std::int32_t>& variables,
                                                   std::int64_t max_bytes, MethodPlan& plan) {
  std::vector<Rematerialisation> waiting = find(lowered, variables);
  sort_by_worth(waiting);
  Rematerialisations result{static_cast<int>(waiting.size()), 0};
  std::vector<Rematerialisation> undone;
  std::int64_t room = max_bytes - plan.bytes;
  // Planning takes longer than all else here. Bytes are nearly what a plan adds, so that few plans do: where
  // one is smaller than reckoned, more may fit; where it is larger, fewer are tried.
  constexpr int kMaxPlans = 64;
  for (int plans = 0; !waiting.empty() && plans < kMaxPlans; ++plans) {
    std::vector<Rematerialisation> tried = undone;
    std::vector<Rematerialisation> rest = waiting;
    const std::int64_t bytes = take(rest, room, tried);
    if (tried.size() == undone.size()) break;
    GRAPHRUN_ASSIGN(MethodPlan larger, plan_method(without(lowered, tried), variables));
    if (larger.bytes > max_bytes) {
      room = bytes - (larger.bytes - max_bytes);
      continue;
    }
    room = max_bytes - larger.bytes;
    plan = std::move(larger);
    undone = std::move(tried);
    waiting = std::move(rest);
  }
  if (!undone.empty()) lowered = without(lowered, undone);
  result.undone = static_cast<int>(undone.size());
  return result;
}

}  // namespace graphrun::session
