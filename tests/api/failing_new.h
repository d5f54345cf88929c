#pragma once

#include <cstdint>

namespace graphrun::test {

// While one lives, operator new fails on the thread that made it: the allocation of this number, counted from
// 0, and with `all_later` every one after it. Not inside a parallel region, from which no exception may
// leave, and not inside of oneDNN, which promises nothing about its own memory.
class FailingNew {
 public:
  FailingNew(std::int64_t number, bool all_later);
  ~FailingNew();
  FailingNew(const FailingNew&) = delete;
  FailingNew& operator=(const FailingNew&) = delete;

  // Whether one has failed so far.
  bool has_failed() const;
};

}  // namespace graphrun::test
