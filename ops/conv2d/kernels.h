#pragma once

#include <memory>

#include "ops/common/scratch.h"
#include "ops/conv2d/body.h"
#include "runtime/model/kernel.h"

// The kernels of this room; cpu.cpp lists them in their order.
namespace graphrun::ops::conv2d {

using Prepared = Result<std::unique_ptr<Kernel>>;

// By oneDNN.
Prepared prepare_forward(const KernelRequest& request);
Prepared prepare_batch_norm(const KernelRequest& request);  // conv2d_bn with constant variables
Prepared prepare_pyramid(const KernelRequest& request);     // conv2d_bn_pyramid with constant variables
Prepared prepare_winograd(const KernelRequest& request);    // conv2d_bn likewise, of 3x3 windows
Prepared prepare_grad_data(const KernelRequest& request);
Prepared prepare_grad_weight(const KernelRequest& request);
// By one matrix product a tap.
Prepared prepare_grad_weight_products(const KernelRequest& request);
// By the bodies of body.h.
Prepared prepare_forward_body(const KernelRequest& request);
Prepared prepare_grad_data_body(const KernelRequest& request);
Prepared prepare_grad_weight_body(const KernelRequest& request);

// Of the convolution from x to y with the window that the attributes give.
Geometry geometry_of(const Attributes& attrs, const TensorDesc& x, const TensorDesc& y);

// Copies the pixels of an activation to memory with another pixel stride; strides in elements.
void copy_pixels(const TensorDesc& desc, const void* from, std::int64_t from_stride, void* to,
                 std::int64_t to_stride, int threads);

// gbias = sum of gy over its pixels, in a fixed order; `partial` is scratch of bias_scratch_bytes().
std::int64_t bias_scratch_bytes(const TensorDesc& gy);
void sum_pixels(const TensorView& gy, float* gbias, double* partial, int threads);

}  // namespace graphrun::ops::conv2d
