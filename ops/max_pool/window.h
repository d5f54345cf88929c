#pragma once

#include "ops/max_pool/body.h"
#include "runtime/core/tensor.h"
#include "runtime/model/attributes.h"

namespace graphrun::ops::max_pool {

inline Window window_of(const Attributes& attrs, const TensorDesc& x, const TensorDesc& y) {
  const auto kernel = attrs.integers("kernel");
  const auto stride = attrs.integers("stride");
  const auto padding = attrs.integers("padding");
  return {x.h(), x.w(), y.h(), y.w(), kernel[0], kernel[1], stride[0], stride[1], padding[0], padding[1]};
}

}  // namespace graphrun::ops::max_pool
