#include "ops/common/pixel_rows.h"

namespace graphrun::ops {

PixelRows::PixelRows(std::initializer_list<TensorDesc> tensors) {
  const TensorDesc& first = *tensors.begin();
  merged_ = std::all_of(tensors.begin(), tensors.end(), [](const TensorDesc& t) { return t.contiguous(); });
  rows_ = merged_ ? first.shape.count() : first.pixels();
  length_ = merged_ ? 1 : first.c();
  for (const TensorDesc& tensor : tensors) strides_.push_back(merged_ ? 1 : tensor.pixel_stride);
}

}  // namespace graphrun::ops
