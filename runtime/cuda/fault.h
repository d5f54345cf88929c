#pragma once

#include <stdint.h>

namespace graphrun::cuda {

// What a kernel found wrong with its input while it ran. It lies in device memory, where the first kernel
// that finds something writes it; the host sees it when it next waits for the device.
struct Fault {
  enum Kind : int32_t { none = 0, bad_label = 1 };
  int32_t kind;
  int32_t classes;  // bad_label: how many there are
  int64_t index;    // the pixel, counted over (N, H, W)
  int64_t value;    // the label
};

#ifdef __CUDACC__
__device__ inline void report_bad_label(Fault* fault, int64_t index, int64_t value, int32_t classes) {
  if (atomicCAS(&fault->kind, static_cast<int32_t>(Fault::none), static_cast<int32_t>(Fault::bad_label)) !=
      Fault::none)
    return;
  fault->classes = classes;
  fault->index = index;
  fault->value = value;
}
#endif

}  // namespace graphrun::cuda
