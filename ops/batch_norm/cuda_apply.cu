#include "ops/batch_norm/cuda_kernels.h"
#include "ops/batch_norm/cuda_rows.cuh"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"

namespace graphrun::ops::batch_norm {
namespace {

template <class T>
struct Apply {
  const T* x;
  const T* residual;
  T* y;  // may be x or residual
  int64_t x_stride;
  int64_t residual_stride;
  int64_t y_stride;
  const float* mean;
  const float* spread;
  const float* weight;
  const float* bias;
  bool spread_is_variance;  // not yet 1/sqrt(variance + eps)
  double eps;
};

// Pixels in flight a thread: 4 loads.
constexpr int unroll_of(bool residual) { return residual ? 2 : 4; }

template <class T, int kVector, bool kResidual, bool kRelu>
__global__ void __launch_bounds__(cuda::kThreads, 4) apply(const Apply<T> args, const RowGrid grid) {
  const Place place = place_in<kVector>(grid);
  float constants[3][kVector];
  load_constants(grid, place, constants, [&](int c, float(&values)[3]) {
    const float spread = args.spread[c];
    const float inv_std = args.spread_is_variance
                              ? static_cast<float>(1 / sqrt(static_cast<double>(spread) + args.eps))
                              : spread;
    values[0] = args.mean[c];
    values[1] = scale_of(inv_std, args.weight[c]);
    values[2] = args.bias[c];
  });
  if (!place.active) return;

  struct Values {
    Group<T, kVector> x;
    Group<T, kVector> residual;
  };
  const auto load = [&](int64_t pixel) {
    Values values;
    values.x = load_group<T, kVector>(args.x + pixel * args.x_stride + place.channel);
    if constexpr (kResidual)
      values.residual = load_group<T, kVector>(args.residual + pixel * args.residual_stride + place.channel);
    return values;
  };
  const auto use = [&](const Values& values, int64_t pixel) {
    float y[kVector];
#pragma unroll
    for (int v = 0; v < kVector; ++v) {
      float z = normalise_exactly(values.x[v], constants[0][v], constants[1][v], constants[2][v]);
      if constexpr (kResidual) z += values.residual[v];
      y[v] = kRelu ? relu(z) : z;
    }
    store_group(args.y + pixel * args.y_stride + place.channel, y);
  };
  walk<unroll_of(kResidual), false>(grid, place.row, load, use, [] {});
}

// Which inputs hold mean, weight and bias, and the other statistic.
struct NormInputs {
  std::string_view name;
  std::size_t mean;
  std::size_t spread;
  std::size_t weight;
  std::size_t bias;
  bool spread_is_variance;
  double eps;
};

constexpr std::size_t kResidualInput = 5;

template <class T, int kVector, bool kResidual, bool kRelu>
Result<std::unique_ptr<Kernel>> prepare_variant(const KernelRequest& request, const NormInputs& inputs) {
  cuda::Device& device = device_of(request);
  auto* const kernel = apply<T, kVector, kResidual, kRelu>;
  const RowGrid grid(request.inputs[0], kVector, cuda::kThreads, unroll_of(kResidual));
  GRAPHRUN_ASSIGN(const int64_t resident, resident_blocks(device, kernel, cuda::kThreads));
  const auto run = [&device, kernel, grid, inputs, blocks = grid.blocks(resident)](const KernelRun& io) {
    Apply<T> args{};
    args.x = io.inputs[0].as<const T>();
    args.x_stride = io.inputs[0].desc.pixel_stride;
    if constexpr (kResidual) {
      args.residual = io.inputs[kResidualInput].as<const T>();
      args.residual_stride = io.inputs[kResidualInput].desc.pixel_stride;
    }
    args.y = io.outputs[0].as<T>();
    args.y_stride = io.outputs[0].desc.pixel_stride;
    args.mean = io.inputs[inputs.mean].as<const float>();
    args.spread = io.inputs[inputs.spread].as<const float>();
    args.weight = io.inputs[inputs.weight].as<const float>();
    args.bias = io.inputs[inputs.bias].as<const float>();
    args.spread_is_variance = inputs.spread_is_variance;
    args.eps = inputs.eps;
    kernel<<<blocks, cuda::kThreads, 0, device.stream()>>>(args, grid);
    return cuda::check_launch(inputs.name);
  };
  return make_function_kernel(inputs.name, 0, run);
}

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request, const NormInputs& inputs) {
  const bool residual = request.input_present[kResidualInput];
  const bool relu = request.attrs.text("activation") == "relu";
  return for_activation_type(request, [&]<class T>(T) {
    const int64_t strides[] = {request.inputs[0].pixel_stride, request.outputs[0].pixel_stride,
                               residual ? request.inputs[kResidualInput].pixel_stride : 0};
    const bool wide = is_wide<T>(request.inputs[0], strides);
    const auto of_width = [&]<int kVector>() {
      if (residual)
        return relu ? prepare_variant<T, kVector, true, true>(request, inputs)
                    : prepare_variant<T, kVector, true, false>(request, inputs);
      return relu ? prepare_variant<T, kVector, false, true>(request, inputs)
                  : prepare_variant<T, kVector, false, false>(request, inputs);
    };
    return wide ? of_width.template operator()<16 / sizeof(T)>() : of_width.template operator()<1>();
  });
}

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_cuda_apply(const KernelRequest& request) {
  return prepare(request, {"bn_apply", 1, 2, 3, 4, false, 0});
}
Result<std::unique_ptr<Kernel>> prepare_cuda_eval(const KernelRequest& request) {
  return prepare(request, {"batch_norm_eval", 3, 4, 1, 2, true, request.attrs.real("eps")});
}

}  // namespace graphrun::ops::batch_norm
