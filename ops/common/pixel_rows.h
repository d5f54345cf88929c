#pragma once

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "graphrun/tensor.h"
#include "runtime/cpu/parallel.h"

namespace graphrun::ops {

// How an elementwise op walks tensors of one shape: row by row of channels, or in long runs where nothing
// lies between the pixels of any of them.
class PixelRows {
 public:
  explicit PixelRows(std::initializer_list<TensorDesc> tensors);

  // Elements from row to row of the tensor that was given as number `i`.
  std::int64_t stride(std::size_t i) const { return strides_[i]; }

  // body(row, length): `length` elements of each tensor that begin at row * stride(i).
  template <class Body>
  void parallel_for(int threads, const Body& body) const {
    constexpr std::int64_t kGrain = 1 << 14;
    const std::int64_t grain = std::max<std::int64_t>(kGrain / length_, 1);
    cpu::parallel_for(threads, rows_, grain, [&](std::int64_t begin, std::int64_t end) {
      if (merged_) return body(begin, end - begin);
      for (std::int64_t row = begin; row < end; ++row) body(row, length_);
    });
  }

 private:
  bool merged_ = false;
  std::int64_t rows_ = 0;
  std::int64_t length_ = 1;
  std::vector<std::int64_t> strides_;
};

}  // namespace graphrun::ops
