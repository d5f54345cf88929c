#pragma once

#include <memory>
#include <string>

#include "graphrun/kernel/kernel.h"

// Resize in separable form, row by row, for all but strong reductions: each output row is one mixture of two
// source rows, made once, and its pixels are mixtures of that row's.
namespace graphrun::ops::resize {

Result<std::unique_ptr<Kernel>> prepare_rows(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_rows_bytes(const KernelRequest& request);  // of activations in u8
Result<std::unique_ptr<Kernel>> prepare_grad_rows(const KernelRequest& request);

template <class T>
struct Pixels {
  const T* data;
  std::int64_t stride;
};

inline Status require_no_strong_reduction(const TensorDesc& low, const TensorDesc& high) {
  if (low.w() <= 2 * high.w()) return {};
  return {ErrorCode::declined, "a width of " + std::to_string(low.w()) + " becomes " +
                                   std::to_string(high.w()) + ": most of a row's pixels are not read"};
}

}  // namespace graphrun::ops::resize
