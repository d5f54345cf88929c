#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"

// Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops {

// Bins along one axis of `in` elements: bin i of n takes the elements floor(i in/n) to ceil((i + 1) in/n)
// - 1. They overlap where n does not divide `in`, and may outnumber the elements. Precondition: (count + 1) *
// (in + 1) fits into Int.
template <class Int>
struct BinsOf {
  Int in, count;
  GRAPHRUN_DEVICE Int begin(Int bin) const { return bin * in / count; }
  GRAPHRUN_DEVICE Int end(Int bin) const { return ((bin + 1) * in + count - 1) / count; }
  GRAPHRUN_DEVICE Int size(Int bin) const { return end(bin) - begin(bin); }
  // The bins that hold element i.
  GRAPHRUN_DEVICE Int first(Int i) const { return i * count / in; }
  GRAPHRUN_DEVICE Int last(Int i) const { return ((i + 1) * count - 1) / in; }
};
using Bins = BinsOf<int64_t>;

}  // namespace graphrun::ops
