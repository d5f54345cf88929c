#include "ops/batch_norm/cuda_backward.cuh"
#include "ops/batch_norm/cuda_kernels.h"
#include "ops/common/function_kernel.h"

namespace graphrun::ops::batch_norm {
namespace {

// Pixels in flight a thread. bn_grad_apply has five constants a channel: few threads, each with many loads.
constexpr int kUnroll = 4;
constexpr int kEvalUnroll = 2;
constexpr std::size_t kX = 2;  // bn_grad_apply's input x

template <class T>
struct GradApply {
  Backward<T> forward;
  const double* sums;
  T* gx;         // null: unwanted; may be gy
  T* gresidual;  // null: unwanted; may be gy
  int64_t gx_stride;
  int64_t gresidual_stride;
};

template <class T, int kVector, Mask kMask>
__global__ void __launch_bounds__(cuda::kThreads, 2) grad_apply(const GradApply<T> args, const RowGrid grid) {
  const Place place = place_in<kVector>(grid);
  const Backward<T>& forward = args.forward;
  float constants[5][kVector];
  load_constants(grid, place, constants, [&](int c, float(&values)[5]) {
    const double* const sums = args.sums + c;
    const double per_pixel = 1 / sums[0];
    const float inv_std = forward.inv_std[c];
    const double mean_product = sums[2 * static_cast<int64_t>(grid.channels)] * per_pixel;
    values[0] = forward.mean[c];
    values[1] = scale_of(inv_std, forward.weight[c]);
    values[2] = static_cast<float>(sums[grid.channels] * per_pixel);
    values[3] = static_cast<float>(mean_product * static_cast<double>(inv_std));
    values[4] = forward.bias[c];
  });
  if (!place.active) return;

  const auto load = [&](int64_t pixel) {
    return load_backward<kMask, kVector>(forward, pixel, place.channel);
  };
  const auto use = [&](const BackwardValues<T, kVector>& values, int64_t pixel) {
    float gz[kVector];
    float gx[kVector];
#pragma unroll
    for (int v = 0; v < kVector; ++v) {
      const float mean = constants[0][v];
      const float scale = constants[1][v];
      gz[v] = before_activation<kMask>(values, v, mean, scale, constants[4][v]);
      gx[v] = input_gradient(gz[v], values.x[v], mean, scale, constants[2][v], constants[3][v]);
    }
    if (args.gx != nullptr) store_group(args.gx + pixel * args.gx_stride + place.channel, gx);
    if (args.gresidual != nullptr)
      store_group(args.gresidual + pixel * args.gresidual_stride + place.channel, gz);
  };
  walk<kUnroll, false>(grid, place.row, load, use, [] {});
}

template <class T>
struct EvalGrad {
  const T* gy;
  const T* y;
  T* gx;         // null: unwanted; may be gy
  T* gresidual;  // null: unwanted; may be gy
  int64_t gy_stride;
  int64_t y_stride;
  int64_t gx_stride;
  int64_t gresidual_stride;
  const float* weight;
  const float* variance;
  double eps;
};

template <class T, int kVector, bool kRelu>
__global__ void __launch_bounds__(cuda::kThreads, 4) eval_grad(const EvalGrad<T> args, const RowGrid grid) {
  const Place place = place_in<kVector>(grid);
  float scale[1][kVector];
  load_constants(grid, place, scale, [&](int c, float(&values)[1]) {
    const double variance = args.variance[c];
    values[0] = scale_of(static_cast<float>(1 / sqrt(variance + args.eps)), args.weight[c]);
  });
  if (!place.active) return;

  struct Values {
    Group<T, kVector> gy;
    Group<T, kVector> y;
  };
  const auto load = [&](int64_t pixel) {
    Values values;
    values.gy = load_group<T, kVector>(args.gy + pixel * args.gy_stride + place.channel);
    if constexpr (kRelu) values.y = load_group<T, kVector>(args.y + pixel * args.y_stride + place.channel);
    return values;
  };
  const auto use = [&](const Values& values, int64_t pixel) {
    float gz[kVector];
    float gx[kVector];
#pragma unroll
    for (int v = 0; v < kVector; ++v) {
      gz[v] = values.gy[v];
      if constexpr (kRelu) gz[v] = relu_mask(gz[v], values.y[v]);
      gx[v] = gz[v] * scale[0][v];
    }
    if (args.gx != nullptr) store_group(args.gx + pixel * args.gx_stride + place.channel, gx);
    if (args.gresidual != nullptr)
      store_group(args.gresidual + pixel * args.gresidual_stride + place.channel, gz);
  };
  walk<kEvalUnroll, false>(grid, place.row, load, use, [] {});
}

template <class T, int kVector, bool kRelu>
Result<std::unique_ptr<Kernel>> prepare_eval_form(const KernelRequest& request) {
  cuda::Device& device = device_of(request);
  auto* const kernel = eval_grad<T, kVector, kRelu>;
  const RowGrid grid(request.inputs[0], kVector, cuda::kThreads, kEvalUnroll);
  GRAPHRUN_ASSIGN(const int64_t resident, resident_blocks(device, kernel, cuda::kThreads));
  const auto run = [&device, kernel, grid, eps = request.attrs.real("eps"),
                    blocks = grid.blocks(resident)](const KernelRun& io) {
    EvalGrad<T> args{};
    args.gy = io.inputs[0].as<const T>();
    args.gy_stride = io.inputs[0].desc.pixel_stride;
    if constexpr (kRelu) {
      args.y = io.inputs[3].as<const T>();
      args.y_stride = io.inputs[3].desc.pixel_stride;
    }
    args.gx = io.outputs[0].as<T>();
    args.gx_stride = io.outputs[0].desc.pixel_stride;
    args.gresidual = io.outputs[1].as<T>();
    args.gresidual_stride = io.outputs[1].desc.pixel_stride;
    args.weight = io.inputs[1].as<const float>();
    args.variance = io.inputs[2].as<const float>();
    args.eps = eps;
    kernel<<<blocks, cuda::kThreads, 0, device.stream()>>>(args, grid);
    return cuda::check_launch("batch_norm_eval_grad");
  };
  return make_function_kernel("batch_norm_eval_grad", 0, run);
}

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_cuda_grad_apply(const KernelRequest& request) {
  const auto prepare = [&]<class T, int kVector, Mask kMask>() -> Result<std::unique_ptr<Kernel>> {
    cuda::Device& device = device_of(request);
    auto* const kernel = grad_apply<T, kVector, kMask>;
    const RowGrid grid(request.inputs[kX], kVector, cuda::kThreads, kUnroll);
    GRAPHRUN_ASSIGN(const int64_t resident, resident_blocks(device, kernel, cuda::kThreads));
    const auto run = [&device, kernel, grid, blocks = grid.blocks(resident)](const KernelRun& io) {
      GradApply<T> args{};
      args.forward = bind_backward<kMask, T>(io, kX);
      args.sums = io.inputs[1].as<const double>();
      args.gx = io.outputs[0].as<T>();
      args.gx_stride = io.outputs[0].desc.pixel_stride;
      args.gresidual = io.outputs[1].as<T>();
      args.gresidual_stride = io.outputs[1].desc.pixel_stride;
      kernel<<<blocks, cuda::kThreads, 0, device.stream()>>>(args, grid);
      return cuda::check_launch("bn_grad_apply");
    };
    return make_function_kernel("bn_grad_apply", 0, run);
  };
  return for_backward(request, kX, prepare);
}

Result<std::unique_ptr<Kernel>> prepare_cuda_eval_grad(const KernelRequest& request) {
  const bool relu = request.attrs.text("activation") == "relu";
  return for_activation_type(request, [&]<class T>(T) {
    const int64_t strides[] = {request.inputs[0].pixel_stride, relu ? request.inputs[3].pixel_stride : 0,
                               request.output_present[0] ? request.outputs[0].pixel_stride : 0,
                               request.output_present[1] ? request.outputs[1].pixel_stride : 0};
    constexpr int kVector = 16 / sizeof(T);
    if (is_wide<T>(request.inputs[0], strides))
      return relu ? prepare_eval_form<T, kVector, true>(request)
                  : prepare_eval_form<T, kVector, false>(request);
    return relu ? prepare_eval_form<T, 1, true>(request) : prepare_eval_form<T, 1, false>(request);
  });
}

}  // namespace graphrun::ops::batch_norm
