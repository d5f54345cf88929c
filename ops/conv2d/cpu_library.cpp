#include "ops/conv2d/cpu_library.h"

#include <utility>

namespace graphrun::ops::conv2d {
namespace {

// A column of pixels lies in memory as a row does, and the library is four times as fast on rows.
void column_as_row(Geometry& g) {
  if (g.w != 1 || g.ow != 1 || g.kw != 1) return;
  std::swap(g.h, g.w);
  std::swap(g.oh, g.ow);
  std::swap(g.kh, g.kw);
  std::swap(g.sh, g.sw);
  std::swap(g.ph, g.pw);
  std::swap(g.dh, g.dw);
}

}  // namespace

WeightSource grouped(const Geometry& g, WeightSource source) {
  if (g.groups == 1) return source;
  std::vector<std::int64_t> shape{g.groups};
  shape.insert(shape.end(), source.shape.extents().begin(), source.shape.extents().end());
  source.shape = Shape(shape);
  source.strides.insert(source.strides.begin(),
                        g.group_outputs() * g.group_channels() * g.kernel_positions());
  return source;
}
WeightSource source_of(const Geometry& g) {
  const std::int64_t outputs = g.group_outputs(), channels = g.group_channels(), taps = g.kernel_positions();
  return grouped(g, {{outputs, channels, g.kh, g.kw}, {channels * taps, taps, g.kw, 1}, false});
}
Geometry library_geometry(const Attributes& attrs, const TensorDesc& x, const TensorDesc& y) {
  Geometry g = geometry_of(attrs, x, y);
  column_as_row(g);
  return g;
}

Result<cpu::ConvolutionDesc> describe(const Geometry& g, DType x_type, DType y_type) {
  const bool narrow = x_type == DType::bf16 || y_type == DType::bf16;
  const DType weight_type = x_type == DType::u8 ? DType::s8 : narrow ? DType::bf16 : DType::f32;
  cpu::ConvolutionDesc desc;
  GRAPHRUN_ASSIGN(desc.x, cpu::library_desc(TensorDesc::nhwc(x_type, {g.n, g.c, g.h, g.w})));
  GRAPHRUN_ASSIGN(desc.y, cpu::library_desc(TensorDesc::nhwc(y_type, {g.n, g.o, g.oh, g.ow})));
  GRAPHRUN_ASSIGN(desc.weight, cpu::library_choice(TensorDesc::dense(weight_type, source_of(g).shape)));
  desc.stride = {g.sh, g.sw};
  desc.dilation = {g.dh, g.dw};
  desc.padding = {g.ph, g.pw};
  return desc;
}

Result<dnnl::memory::desc> bias_desc(const Geometry& g) {
  return cpu::library_desc(TensorDesc::dense(DType::f32, {g.o}));
}

}  // namespace graphrun::ops::conv2d
