#pragma once

#include <cstdint>
#include <vector>

#include "graphrun/kernel/attributes.h"
#include "graphrun/tensor.h"
#include "ops/conv2d/body.h"

// The numbers of a convolution, for the kernels of all devices.
namespace graphrun::ops::conv2d {

// Geometry of the convolution from x to y with the window that the attributes give.
inline Geometry geometry_of(const Attributes& attrs, const TensorDesc& x, const TensorDesc& y) {
  const std::vector<std::int64_t> kernel = attrs.integers("kernel");
  const std::vector<std::int64_t> stride = attrs.integers("stride");
  const std::vector<std::int64_t> padding = attrs.integers("padding");
  const std::vector<std::int64_t> dilation = attrs.integers("dilation");
  return {x.n(),      x.c(),       x.h(),       x.w(),
          y.c(),      y.h(),       y.w(),       kernel[0],
          kernel[1],  stride[0],   stride[1],   padding[0],
          padding[1], dilation[0], dilation[1], attrs.integer("groups")};
}

// Geometry of gy convolved with the window turned by half a turn, which is the gradient of x of one with
// stride 1. Its padding is negative where x's is more than the window reaches.
inline Geometry flipped_geometry(const Geometry& g) {
  return {g.n,
          g.o,
          g.oh,
          g.ow,
          g.c,
          g.h,
          g.w,
          g.kh,
          g.kw,
          1,
          1,
          g.dh * (g.kh - 1) - g.ph,
          g.dw * (g.kw - 1) - g.pw,
          g.dh,
          g.dw,
          g.groups};
}

// For kernels that multiply all channels of a pixel with each other.
inline Status require_one_group(const Geometry& g) {
  if (g.groups == 1) return {};
  return {ErrorCode::declined, "takes one group of channels only"};
}

}  // namespace graphrun::ops::conv2d
