#pragma once

#include <vector>

#include "graphrun/kernel/kernel.h"
#include "ops/conv2d/geometry.h"
#include "runtime/cpu/onednn.h"

// What kernels by oneDNN share: a convolution as the library sees it.
namespace graphrun::ops::conv2d {

// How the weights of one primitive come from the dense variable.
struct WeightSource {
  Shape shape;                        // as the primitive sees them
  std::vector<std::int64_t> strides;  // of the dense variable in that order
  bool reverse_taps = false;
};

// With rows and columns exchanged where that is faster.
Geometry library_geometry(const Attributes& attrs, const TensorDesc& x, const TensorDesc& y);
// Dense (O, C, KH, KW); of several groups (groups, O, C, KH, KW) with a group's O and C.
WeightSource source_of(const Geometry& g);
// The source of all groups from that of the first, whose strides are those of the dense variable.
WeightSource grouped(const Geometry& g, WeightSource source);

// Activations lie in NHWC without gaps, the layout of weights is left to the library. They are in s8 where x
// is in u8, else in bf16 where an activation is, else in f32.
Result<cpu::ConvolutionDesc> describe(const Geometry& g, DType x_type, DType y_type);
Result<dnnl::memory::desc> bias_desc(const Geometry& g);

}  // namespace graphrun::ops::conv2d
