#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "graphrun/status.h"
#include "runtime/core/read_budget.h"
#include "runtime/weights/pickle.h"

namespace graphrun::weights {

// The memory of a reader of pickles: objects, stack, marks and memo, with what a file may make of them. An
// operation of one byte may make an object, so objects and their items are charged to a budget; stack and
// memo have at most an id for each byte.
class PickleStack {
 protected:
  explicit PickleStack(std::size_t bytes) : budget_("the pickle's objects", bytes, kTimes, kFloor) {
    constants_.fill(kNone);
  }

  static Status bad(std::string why) { return {ErrorCode::invalid_file, std::move(why)}; }

  // Before they are put into a container, whose memory grows to twice what is in it.
  Status charge_items(std::size_t count) {
    constexpr std::int64_t kBytes = 2 * sizeof(PickleId);
    return budget_.charge(kBytes * static_cast<std::int64_t>(count));
  }
  Status push(PickleObject object) {
    constexpr std::int64_t kOfAllocation = 24;  // of its items, beside themselves
    GRAPHRUN_TRY(budget_.charge(sizeof(PickleObject) + kOfAllocation));
    if (pickle_.objects.size() >= kNone) return bad("too many objects");
    stack_.push_back(static_cast<PickleId>(pickle_.objects.size()));
    pickle_.objects.push_back(std::move(object));
    return {};
  }
  Status push(PickleKind kind, std::int64_t integer = 0) {
    PickleObject object;
    object.kind = kind;
    object.integer = integer;
    PickleId* const known = constant(kind, integer);
    if (known == nullptr) return push(std::move(object));
    if (*known == kNone) {
      GRAPHRUN_TRY(push(std::move(object)));
      *known = stack_.back();
    } else {
      stack_.push_back(*known);
    }
    return {};
  }
  Status push_items(PickleKind kind, std::vector<PickleId> items) {
    GRAPHRUN_TRY(charge_items(items.size()));
    PickleObject object;
    object.kind = kind;
    object.items = std::move(items);
    return push(std::move(object));
  }
  // What lies above the last mark; pops never reach below it.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Result<PickleId> pop() {
    if (stack_.size() <= floor()) return bad("the stack is empty");
    const PickleId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  Result<std::vector<PickleId>> pop_many(std::size_t count) {
    if (stack_.size() - floor() < count) return bad("the stack is empty");
    std::vector<PickleId> ids(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return ids;
  }
  Result<std::vector<PickleId>> pop_mark() {
    if (marks_.empty()) return bad("no mark on the stack");
    GRAPHRUN_ASSIGN(std::vector<PickleId> ids, pop_many(stack_.size() - floor()));
    marks_.pop_back();
    return ids;
  }
  Result<PickleId> top(PickleKind kind) const {
    if (stack_.size() <= floor() || pickle_[stack_.back()].kind != kind)
      return bad("an operand of a wrong kind");
    return stack_.back();
  }

  Status mark() {
    constexpr std::size_t kMaxMarks = 1 << 16;  // Python does not nest as deep
    if (marks_.size() >= kMaxMarks) return bad("too many marks");
    marks_.push_back(stack_.size());
    return {};
  }

  // Writers number what they memorise; `position`, the bytes that were read, is more than they can have.
  Status memo_put(std::uint64_t index, std::size_t position) {
    if (stack_.size() <= floor()) return bad("the stack is empty");
    if (index >= position) return bad("the memo's numbers are not consecutive");
    if (index >= memo_.size()) memo_.resize(static_cast<std::size_t>(index) + 1, kNone);
    PickleId& entry = memo_[static_cast<std::size_t>(index)];
    memorised_ += entry == kNone ? 1 : 0;
    entry = stack_.back();
    return {};
  }
  Status memo_get(std::uint64_t index) {
    if (index >= memo_.size() || memo_[static_cast<std::size_t>(index)] == kNone)
      return bad("nothing was memorised as " + std::to_string(index));
    stack_.push_back(memo_[static_cast<std::size_t>(index)]);
    return {};
  }
  std::uint64_t memorised() const { return memorised_; }

  Pickle pickle_;
  std::vector<PickleId> stack_;

 private:
  static constexpr PickleId kNone = std::numeric_limits<PickleId>::max();
  static constexpr std::int64_t kTimes = 32;
  static constexpr std::int64_t kFloor = std::int64_t{32} << 20;

  // The place of an object's id that all its equals share: nothing changes these objects.
  PickleId* constant(PickleKind kind, std::int64_t integer) {
    switch (kind) {
      case PickleKind::none:
        return &constants_[0];
      case PickleKind::tuple:
        return &constants_[1];  // the empty one
      case PickleKind::boolean:
        return &constants_[integer == 0 ? 2 : 3];
      case PickleKind::integer:
        return integer >= 0 && integer < 256 ? &constants_[4 + static_cast<std::size_t>(integer)] : nullptr;
      default:
        return nullptr;
    }
  }

  std::vector<std::size_t> marks_;
  std::vector<PickleId> memo_;
  std::uint64_t memorised_ = 0;
  std::array<PickleId, 4 + 256> constants_{};
  core::ReadBudget budget_;
};

}  // namespace graphrun::weights
