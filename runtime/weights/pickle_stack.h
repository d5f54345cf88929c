#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "graphrun/status.h"
#include "runtime/weights/pickle.h"

namespace graphrun::weights {

// The memory of a reader of pickles: objects, stack, marks and memo, with what a file may make of them.
class PickleStack {
 protected:
  static Status bad(std::string why) { return {ErrorCode::invalid_file, std::move(why)}; }

  Status count_items(std::size_t count) {
    item_count_ += count;
    return item_count_ > kMaxItems ? bad("too many objects") : Status();
  }
  Status push(PickleObject object) {
    if (pickle_.objects.size() >= kMaxObjects) return bad("too many objects");
    stack_.push_back(static_cast<PickleId>(pickle_.objects.size()));
    pickle_.objects.push_back(std::move(object));
    return {};
  }
  Status push(PickleKind kind, std::int64_t integer = 0) {
    PickleObject object;
    object.kind = kind;
    object.integer = integer;
    return push(std::move(object));
  }
  Status push_items(PickleKind kind, std::vector<PickleId> items) {
    GRAPHRUN_TRY(count_items(items.size()));
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

  Status memo_put(std::uint64_t index) {
    if (stack_.size() <= floor()) return bad("the stack is empty");
    memo_[index] = stack_.back();
    return {};
  }
  Status memo_get(std::uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) return bad("nothing was memorised as " + std::to_string(index));
    stack_.push_back(found->second);
    return {};
  }

  Pickle pickle_;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, PickleId> memo_;

 private:
  static constexpr std::size_t kMaxObjects = std::size_t{1} << 21;
  static constexpr std::size_t kMaxItems = std::size_t{1} << 23;  // in all containers: two may share one list
  std::size_t item_count_ = 0;
};

}  // namespace graphrun::weights
