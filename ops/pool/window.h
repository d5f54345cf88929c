#pragma once

#include "graphrun/kernel/kernel.h"
#include "graphrun/tensor.h"
#include "ops/pool/body.h"

namespace graphrun::ops::pool {

inline Window window_of(const Attributes& attrs, const TensorDesc& x, const TensorDesc& y) {
  const auto kernel = attrs.integers("kernel");
  const auto stride = attrs.integers("stride");
  const auto padding = attrs.integers("padding");
  return {x.h(), x.w(), y.h(), y.w(), kernel[0], kernel[1], stride[0], stride[1], padding[0], padding[1]};
}

// What a body has in both directions: x is the map that windows move over, y that of their maxima; `blocks`
// of a pixel's channels.
template <class Body>
Body form_of(const Attributes& attrs, const TensorDesc& x, const TensorDesc& y, const TensorDesc& index,
             int64_t blocks) {
  Body body{};
  body.window = window_of(attrs, x, y);
  body.channels = x.c();
  body.blocks = blocks;
  body.index_stride = index.pixel_stride;
  return body;
}
// All of a body but its pointers.
template <class Body>
Body forward_form(const KernelRequest& request, int64_t blocks) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  auto body = form_of<Body>(request.attrs, x, y, request.outputs[1], blocks);
  body.x_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  return body;
}
template <class Body>
Body backward_form(const KernelRequest& request, int64_t blocks) {
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  auto body = form_of<Body>(request.attrs, gx, gy, request.inputs[1], blocks);
  body.gy_stride = gy.pixel_stride;
  body.gx_stride = gx.pixel_stride;
  return body;
}

}  // namespace graphrun::ops::pool
