#pragma once

#include <string>

#include "runtime/cpu/onednn.h"

// What oneDNN 2.6 and 3.x write differently: onednn_v2.cpp or onednn_v3.cpp, chosen when the build is
// configured. These functions may throw dnnl::error; only onednn.cpp calls them.
namespace graphrun::cpu::version {

dnnl::convolution_forward::primitive_desc forward(const dnnl::engine& engine, const ConvolutionDesc& desc,
                                                  const dnnl::primitive_attr& attr);
dnnl::convolution_backward_data::primitive_desc backward_data(const dnnl::engine& engine,
                                                              const ConvolutionDesc& desc,
                                                              const dnnl::primitive_attr& attr);
dnnl::convolution_backward_weights::primitive_desc backward_weights(const dnnl::engine& engine,
                                                                    const ConvolutionDesc& desc,
                                                                    const dnnl::primitive_attr& attr);
dnnl::matmul::primitive_desc matrix_product(const dnnl::engine& engine, const dnnl::memory::desc& a,
                                            const dnnl::memory::desc& b, const dnnl::memory::desc& c,
                                            const dnnl::primitive_attr& attr);
void append_relu(dnnl::post_ops& ops, float end);
// Extent of a map's second axis.
dnnl::memory::dim channels(const dnnl::memory::desc& map);
// Empty for a layout that is not made of strides and blocks.
std::string layout_text(const dnnl::memory::desc& desc);

}  // namespace graphrun::cpu::version
