#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "graphrun/kernel/kernel.h"
#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "ops/conv2d/definition.h"

// What is done around the libraries' convolutions on a GPU: they take weights and pixels with channels
// innermost, in multiples of 16 bytes and without gaps.
namespace graphrun::ops::conv2d::gpu {

// Batch norm with running statistics, to be folded into weights; device memory of O floats each.
struct Fold {
  const float* weight = nullptr;  // null: none
  const float* bias = nullptr;
  const float* mean = nullptr;
  const float* variance = nullptr;
  double eps = 0;
};

// A range of the input channels of the variable (O, C, KH, KW) against its form for the library:
// (outputs, taps, channels) in any order of the first two, with channels that are filling and zero.
struct WeightLayout {
  std::int64_t outputs = 0, channels = 0, taps = 0;
  std::int64_t all_channels = 0, first_channel = 0;  // of the variable
  std::int64_t form_outputs = 0, form_channels = 0;  // with filling
  std::int64_t output_stride = 0, tap_stride = 0;    // of the form, elements
};
// (outputs, taps, channels) of the whole variable.
WeightLayout weight_form(std::int64_t outputs, std::int64_t channels, std::int64_t taps,
                         std::int64_t form_outputs, std::int64_t form_channels);
// Declines windows whose taps do not fit into a block's memory.
Status require_taps(std::int64_t taps);

// `type` is that of `to`, f32 or bf16.
Status pack_weights(cudaStream_t stream, const WeightLayout& form, const Fold& fold, const float* weight,
                    DType type, void* to);
// The form of the convolution that is the gradient by x where the stride is 1: (channels, taps from the last
// to the first, outputs), with filling.
Status turn_weights(cudaStream_t stream, const WeightLayout& form, const float* weight, DType type, void* to);
// From a form of `type` back to the variable, without the filling.
Status unpack_weights(cudaStream_t stream, const WeightLayout& form, DType type, const void* from,
                      float* weight);
// The bias that goes with folded weights, of the convolution's own (null: zero); without a fold, that one.
// `narrow` gets the same in bf16, where it is not null.
Status pack_bias(cudaStream_t stream, const Fold& fold, const float* bias, std::int64_t outputs, float* to,
                 void* narrow);

// The pixels without gaps, with `channels` channels of `type`, those beyond the tensor's own being zero.
Status pack_pixels(cudaStream_t stream, const TensorView& from, std::int64_t channels, DType type, void* to);

// What follows a convolution: sum of bias (null: none) and residual (null: none), then ReLU.
struct Epilogue {
  const float* bias = nullptr;
  const void* residual = nullptr;  // of the result's type
  std::int64_t residual_stride = 0;
  bool relu = false;
};
// From pixels of the result's type at `from_stride`; may be done in place.
Status finish_pixels(cudaStream_t stream, const void* from, std::int64_t from_stride,
                     const Epilogue& epilogue, const TensorView& to);

// gbias = sum of gy over its pixels, in a fixed order; `partial` has pixel_sum_bytes() bytes.
std::int64_t pixel_sum_bytes(const TensorDesc& gy);
Status sum_over_pixels(cudaStream_t stream, const TensorView& gy, void* partial, float* gbias);

}  // namespace graphrun::ops::conv2d::gpu
