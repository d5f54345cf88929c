#pragma once

#include <cstdint>

#include "graphrun/device_id.h"
#include "graphrun/dtype.h"
#include "graphrun/shape.h"

namespace graphrun {

// How a tensor's elements lie in memory.
enum class Layout : std::uint8_t {
  dense,  // row-major in the order of the shape; parameters, labels, scalars
  nhwc,   // shape is (N, C, H, W), memory is N, H, W, C; pixels lie `pixel_stride` elements apart
};

// An integer of 8 bits stands for scale * (stored - zero_point). A scale of 0: they are numbers
// themselves.
struct Quantisation {
  float scale = 0;
  std::int32_t zero_point = 0;
  bool operator==(const Quantisation&) const = default;
};

// Type, extents and memory layout of a tensor, without its memory.
struct TensorDesc {
  DType dtype = DType::f32;
  Layout layout = Layout::dense;
  Shape shape;
  // nhwc only: elements from one pixel to the next, >= C. Larger where the tensor is a slice of a
  // concatenation.
  std::int64_t pixel_stride = 0;
  Quantisation quantisation{};  // of activations that are stored as u8

  static TensorDesc dense(DType dtype, const Shape& shape) { return {dtype, Layout::dense, shape, 0}; }
  // Precondition: shape.rank() == 4.
  static TensorDesc nhwc(DType dtype, const Shape& shape) { return {dtype, Layout::nhwc, shape, shape[1]}; }

  std::int64_t n() const { return shape[0]; }
  std::int64_t c() const { return shape[1]; }
  std::int64_t h() const { return shape[2]; }
  std::int64_t w() const { return shape[3]; }
  std::int64_t pixels() const { return shape[0] * shape[2] * shape[3]; }
  bool contiguous() const { return layout == Layout::dense || pixel_stride == shape[1]; }
  // Bytes from the first element to the end of the last.
  std::int64_t bytes() const {
    const std::int64_t size = static_cast<std::int64_t>(size_of(dtype));
    if (shape.count() == 0) return 0;
    if (layout == Layout::dense) return shape.count() * size;
    return ((pixels() - 1) * pixel_stride + shape[1]) * size;
  }
  bool operator==(const TensorDesc&) const = default;
};

// A tensor in memory that somebody else owns and keeps alive.
struct TensorView {
  TensorDesc desc;
  void* data = nullptr;  // not to be followed by the host where `device` is another
  DeviceId device{};     // sessions set it; the host's where nobody says otherwise
  // Scales of a weight in s8, one for each index of its first axis, in the host's memory; null for others.
  const float* channel_scales = nullptr;

  // Precondition: T is the element type (f16 is read as std::uint16_t).
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

}  // namespace graphrun
