#pragma once

#include "ops/batch_norm/cuda_rows.cuh"
#include "ops/common/compute_type.h"

// What bn_grad_sums and bn_grad_apply read alike.
namespace graphrun::ops::batch_norm {

// How the gradient before the activation is found.
enum class Mask { none, from_x, from_y };

template <class T>
struct Backward {
  const T* gy;
  const T* x;
  const T* y;  // Mask::from_y only
  int64_t gy_stride;
  int64_t x_stride;
  int64_t y_stride;
  const float* mean;
  const float* inv_std;
  const float* weight;
  const float* bias;
};

// `first`: the number of input x; mean, inv_std, weight, bias and y follow.
inline Mask mask_of(const KernelRequest& request, std::size_t first) {
  if (request.attrs.text("activation") != "relu") return Mask::none;
  return request.input_present[first + 5] ? Mask::from_y : Mask::from_x;
}
template <Mask kMask, class T>
Backward<T> bind_backward(const KernelRun& io, std::size_t first) {
  Backward<T> args{};
  args.gy = io.inputs[0].as<const T>();
  args.gy_stride = io.inputs[0].desc.pixel_stride;
  args.x = io.inputs[first].as<const T>();
  args.x_stride = io.inputs[first].desc.pixel_stride;
  if constexpr (kMask == Mask::from_y) {
    args.y = io.inputs[first + 5].as<const T>();
    args.y_stride = io.inputs[first + 5].desc.pixel_stride;
  }
  args.mean = io.inputs[first + 1].as<const float>();
  args.inv_std = io.inputs[first + 2].as<const float>();
  args.weight = io.inputs[first + 3].as<const float>();
  args.bias = io.inputs[first + 4].as<const float>();
  return args;
}

// One pixel's group of channels.
template <class T, int kVector>
struct BackwardValues {
  Group<T, kVector> gy;
  Group<T, kVector> x;
  Group<T, kVector> y;
};
template <Mask kMask, int kVector, class T>
__device__ inline BackwardValues<T, kVector> load_backward(const Backward<T>& args, int64_t pixel,
                                                           int channel) {
  BackwardValues<T, kVector> values;
  values.gy = load_group<T, kVector>(args.gy + pixel * args.gy_stride + channel);
  values.x = load_group<T, kVector>(args.x + pixel * args.x_stride + channel);
  if constexpr (kMask == Mask::from_y)
    values.y = load_group<T, kVector>(args.y + pixel * args.y_stride + channel);
  return values;
}

// The gradient before the activation, of channel v of a group.
template <Mask kMask, class T, int kVector>
__device__ inline float before_activation(const BackwardValues<T, kVector>& values, int v, float mean,
                                          float scale, float bias) {
  const float gy = values.gy[v];
  if constexpr (kMask == Mask::from_x)
    return relu_mask(gy, normalise_exactly(values.x[v], mean, scale, bias));
  if constexpr (kMask == Mask::from_y) return relu_mask(gy, values.y[v]);
  return gy;
}

// prepare.operator()<T, kVector, kMask>() for the element type, the width that the strides allow, and the
// mask.
template <class Prepare>
Result<std::unique_ptr<Kernel>> for_backward(const KernelRequest& request, std::size_t first,
                                             const Prepare& prepare) {
  const Mask mask = mask_of(request, first);
  return for_activation_type(request, [&]<class T>(T) {
    int64_t strides[5] = {request.inputs[0].pixel_stride, request.inputs[first].pixel_stride,
                          mask == Mask::from_y ? request.inputs[first + 5].pixel_stride : 0};
    for (std::size_t i = 0; i < 2; ++i) {
      const TensorDesc& output = request.outputs[i];
      if (request.output_present[i] && output.layout == Layout::nhwc) strides[3 + i] = output.pixel_stride;
    }
    const bool wide = is_wide<T>(request.inputs[0], strides);
    const auto of_mask = [&]<Mask kMask>() {
      return wide ? prepare.template operator()<T, 16 / sizeof(T), kMask>()
                  : prepare.template operator()<T, 1, kMask>();
    };
    if (mask == Mask::from_y) return of_mask.template operator()<Mask::from_y>();
    if (mask == Mask::from_x) return of_mask.template operator()<Mask::from_x>();
    return of_mask.template operator()<Mask::none>();
  });
}

}  // namespace graphrun::ops::batch_norm
