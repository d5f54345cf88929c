#pragma once

#include "graphrun/tensor.h"
#include "ops/elementwise/body.h"

// Bodies without their pointers, for both devices.
namespace graphrun::ops::elementwise {

template <class T>
Operand<T> operand(const TensorDesc& desc, const TensorDesc& y) {
  Operand<T> result{};
  result.n_stride = desc.h() * desc.w() * desc.pixel_stride;
  result.h_stride = desc.h() == 1 && y.h() != 1 ? 0 : desc.w() * desc.pixel_stride;
  result.w_stride = desc.w() == 1 && y.w() != 1 ? 0 : desc.pixel_stride;
  result.c_stride = desc.c() == 1 && y.c() != 1 ? 0 : 1;
  return result;
}

// What both reductions have.
template <class Body>
Body reduction(const TensorDesc& x, const TensorDesc& y) {
  Body body{};
  body.x_n_stride = x.h() * x.w() * x.pixel_stride;
  body.x_h_stride = x.w() * x.pixel_stride;
  body.x_w_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  body.height = y.h();
  body.width = y.w();
  body.rows = x.h() / y.h();
  body.columns = x.w() / y.w();
  body.channels = x.c();
  return body;
}

template <int kBlock, class T>
ReduceTo<kBlock, T> reduce_to(const TensorDesc& x, const TensorDesc& y) {
  auto body = reduction<ReduceTo<kBlock, T>>(x, y);
  body.blocks = (y.c() + kBlock - 1) / kBlock;
  return body;
}

inline bool sums_channels(const TensorDesc& x, const TensorDesc& y) { return y.c() == 1 && x.c() != 1; }

}  // namespace graphrun::ops::elementwise
