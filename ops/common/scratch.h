#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/core/round_up.h"

namespace graphrun::ops {

// Lays out a kernel's scratch memory: offsets of arrays that start on cache lines of their own.
class ScratchPlan {
 public:
  std::int64_t add(std::int64_t bytes) {
    const std::int64_t offset = bytes_;
    bytes_ += core::whole_lines(bytes);
    return offset;
  }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::int64_t bytes_ = 0;
};

template <class T = void>
T* scratch_at(void* scratch, std::int64_t offset) {
  return reinterpret_cast<T*>(static_cast<std::byte*>(scratch) + offset);
}

}  // namespace graphrun::ops
