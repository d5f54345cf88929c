#include <limits>
#include <string_view>

#include "runtime/cpu/onednn_version.h"

// oneDNN 3.x: a primitive descriptor takes the arguments of the operation itself.
namespace graphrun::cpu::version {
namespace {

constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;

// The library counts dilation from 0.
dnnl::memory::dims gaps(const dnnl::memory::dims& dilation) {
  dnnl::memory::dims result = dilation;
  for (dnnl::memory::dim& extent : result) --extent;
  return result;
}

// The forward convolution that a weight gradient, f32 perhaps, belongs to: its weight is of x's type.
ConvolutionDesc forward_of_gradient(ConvolutionDesc d) {
  d.weight = dnnl::memory::desc(d.weight.get_dims(), d.x.get_data_type(), dnnl::memory::format_tag::any);
  return d;
}

dnnl::convolution_forward::primitive_desc first_forward(const dnnl::engine& engine, const ConvolutionDesc& d,
                                                        const dnnl::primitive_attr& attr) {
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
  if (d.bias.is_zero())
    return {engine,           kKind,     kAlgorithm, d.x, d.weight, d.y, d.stride,
            gaps(d.dilation), d.padding, d.padding,  attr};
  return {engine, kKind,    kAlgorithm,       d.x,       d.weight,  d.bias,
          d.y,    d.stride, gaps(d.dilation), d.padding, d.padding, attr};
}

// oneDNN 3.7.2's convolution for matrix units copies the padded input to scratch memory; where outputs are
// one pixel wide and the stride is wider, it multiplies parts of that memory which it has not written: NaN,
// or other values from run to run.
bool reads_unwritten_memory(const dnnl::convolution_forward::primitive_desc& forward,
                            const ConvolutionDesc& d) {
  const bool is_narrow = d.y.get_dims().back() == 1 && d.stride.back() > 1;
  return is_narrow && std::string_view(forward.impl_info_str()).find("amx") != std::string_view::npos;
}

}  // namespace

dnnl::convolution_forward::primitive_desc forward(const dnnl::engine& engine, const ConvolutionDesc& d,
                                                  const dnnl::primitive_attr& attr) {
  dnnl::convolution_forward::primitive_desc made = first_forward(engine, d, attr);
  while (reads_unwritten_memory(made, d)) {
    if (!made.next_impl())
      throw dnnl::error(dnnl_unimplemented, "no safe convolution of so narrow an output");
  }
  return made;
}

dnnl::convolution_backward_data::primitive_desc backward_data(const dnnl::engine& engine,
                                                              const ConvolutionDesc& d,
                                                              const dnnl::primitive_attr& attr) {
  const auto hint = forward(engine, d, dnnl::primitive_attr());
  return {engine,           kAlgorithm, d.x,       d.weight, d.y, d.stride,
          gaps(d.dilation), d.padding,  d.padding, hint,     attr};
}

dnnl::convolution_backward_weights::primitive_desc backward_weights(const dnnl::engine& engine,
                                                                    const ConvolutionDesc& d,
                                                                    const dnnl::primitive_attr& attr) {
  const auto hint = forward(engine, forward_of_gradient(d), dnnl::primitive_attr());
  return {engine,           kAlgorithm, d.x,       d.weight, d.y, d.stride,
          gaps(d.dilation), d.padding,  d.padding, hint,     attr};
}

dnnl::matmul::primitive_desc matrix_product(const dnnl::engine& engine, const dnnl::memory::desc& a,
                                            const dnnl::memory::desc& b, const dnnl::memory::desc& c,
                                            const dnnl::primitive_attr& attr) {
  return {engine, a, b, c, attr};
}

void append_relu(dnnl::post_ops& ops, float end) {
  if (end == 0) {
    ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
  } else {
    ops.append_eltwise(dnnl::algorithm::eltwise_clip, end, std::numeric_limits<float>::max());
  }
}

dnnl::memory::dim channels(const dnnl::memory::desc& map) { return map.get_dims()[1]; }

std::string layout_text(const dnnl::memory::desc& desc) {
  if (desc.get_format_kind() != dnnl::memory::format_kind::blocked) return {};
  std::string text = std::to_string(static_cast<int>(desc.get_data_type()));
  const auto dims = desc.get_dims();
  const auto padded = desc.get_padded_dims();
  const auto strides = desc.get_strides();
  for (std::size_t i = 0; i < dims.size(); ++i) {
    text +=
        " " + std::to_string(dims[i]) + "/" + std::to_string(padded[i]) + ":" + std::to_string(strides[i]);
  }
  const auto blocks = desc.get_inner_blks();
  const auto axes = desc.get_inner_idxs();
  for (std::size_t i = 0; i < blocks.size(); ++i)
    text += " " + std::to_string(blocks[i]) + "@" + std::to_string(axes[i]);
  return text;
}

}  // namespace graphrun::cpu::version
