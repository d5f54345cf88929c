#pragma once

#include "ops/conv2d/kernels.h"

// CPU kernels of this room that only training needs; cpu_training.cpp lists them in their order.
namespace graphrun::ops::conv2d {

// By oneDNN.
Prepared prepare_grad_weight(const KernelRequest& request);
// By one matrix product a tap.
Prepared prepare_grad_weight_products(const KernelRequest& request);
// Windows of 1x1 on bf16, by one matrix product.
Prepared prepare_grad_weight_pixels(const KernelRequest& request);
// By Winograd's filtering, 3x3 windows whose weights are not constant.
Prepared prepare_winograd_forward(const KernelRequest& request);
Prepared prepare_winograd_grad_data(const KernelRequest& request);
Prepared prepare_winograd_grad_weight(const KernelRequest& request);
// Kernels for as many groups as channels.
Prepared prepare_depthwise_grad_weight(const KernelRequest& request);
// Kernels for transposed convolutions.
Prepared prepare_transpose_by_winograd(const KernelRequest& request);
Prepared prepare_transpose_grad_data(const KernelRequest& request);
Prepared prepare_transpose_grad_weight(const KernelRequest& request);
// By the body of body.h.
Prepared prepare_grad_weight_body(const KernelRequest& request);

// gbias = sum of gy, f32 or bf16, over its pixels, in a fixed order; `partial` is scratch of
// bias_scratch_bytes().
std::int64_t bias_scratch_bytes(const TensorDesc& gy);
void sum_pixels(const TensorView& gy, float* gbias, double* partial, int threads);

}  // namespace graphrun::ops::conv2d
