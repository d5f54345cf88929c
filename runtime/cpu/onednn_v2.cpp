#include <limits>

#include "runtime/cpu/onednn_version.h"

// oneDNN 2.6: a primitive descriptor is made from an operation descriptor.
namespace graphrun::cpu::version {
namespace {

constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;

// The library counts dilation from 0.
dnnl::memory::dims gaps(const dnnl::memory::dims& dilation) {
  dnnl::memory::dims result = dilation;
  for (dnnl::memory::dim& extent : result) --extent;
  return result;
}

dnnl::convolution_forward::desc forward_op(const ConvolutionDesc& d) {
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
  if (d.bias.is_zero())
    return {kKind, kAlgorithm, d.x, d.weight, d.y, d.stride, gaps(d.dilation), d.padding, d.padding};
  return {kKind, kAlgorithm, d.x, d.weight, d.bias, d.y, d.stride, gaps(d.dilation), d.padding, d.padding};
}

// The forward convolution that a weight gradient, f32 perhaps, belongs to: its weight is of x's type.
ConvolutionDesc forward_of_gradient(ConvolutionDesc d) {
  d.weight = dnnl::memory::desc(d.weight.dims(), d.x.data_type(), dnnl::memory::format_tag::any);
  return d;
}

}  // namespace

dnnl::convolution_forward::primitive_desc forward(const dnnl::engine& engine, const ConvolutionDesc& d,
                                                  const dnnl::primitive_attr& attr) {
  return {forward_op(d), attr, engine};
}

dnnl::convolution_backward_data::primitive_desc backward_data(const dnnl::engine& engine,
                                                              const ConvolutionDesc& d,
                                                              const dnnl::primitive_attr& attr) {
  const dnnl::convolution_backward_data::desc op(kAlgorithm, d.x, d.weight, d.y, d.stride, gaps(d.dilation),
                                                 d.padding, d.padding);
  return {op, attr, engine, dnnl::convolution_forward::primitive_desc(forward_op(d), engine)};
}

dnnl::convolution_backward_weights::primitive_desc backward_weights(const dnnl::engine& engine,
                                                                    const ConvolutionDesc& d,
                                                                    const dnnl::primitive_attr& attr) {
  const dnnl::convolution_backward_weights::desc op(kAlgorithm, d.x, d.weight, d.y, d.stride,
                                                    gaps(d.dilation), d.padding, d.padding);
  return {op, attr, engine,
          dnnl::convolution_forward::primitive_desc(forward_op(forward_of_gradient(d)), engine)};
}

dnnl::matmul::primitive_desc matrix_product(const dnnl::engine& engine, const dnnl::memory::desc& a,
                                            const dnnl::memory::desc& b, const dnnl::memory::desc& c,
                                            const dnnl::primitive_attr& attr) {
  return {dnnl::matmul::desc(a, b, c), attr, engine};
}

void append_relu(dnnl::post_ops& ops, float end) {
  if (end == 0) {
    ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
  } else {
    ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_clip, end, std::numeric_limits<float>::max());
  }
}

dnnl::memory::dim channels(const dnnl::memory::desc& map) { return map.dims()[1]; }

std::string layout_text(const dnnl::memory::desc& desc) {
  const dnnl_memory_desc_t& d = desc.data;
  if (d.format_kind != dnnl_blocked) return {};
  const dnnl_blocking_desc_t& blocks = d.format_desc.blocking;
  std::string text = std::to_string(static_cast<int>(d.data_type));
  for (int i = 0; i < d.ndims; ++i) {
    text += " " + std::to_string(d.dims[i]) + "/" + std::to_string(d.padded_dims[i]) + ":" +
            std::to_string(blocks.strides[i]);
  }
  for (int i = 0; i < blocks.inner_nblks; ++i)
    text += " " + std::to_string(blocks.inner_blks[i]) + "@" + std::to_string(blocks.inner_idxs[i]);
  return text;
}

}  // namespace graphrun::cpu::version
