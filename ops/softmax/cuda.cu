#include "ops/common/compute_type.h"
#include "ops/common/cuda_channels.cuh"
#include "ops/common/function_kernel.h"

namespace graphrun::ops::softmax {
namespace {

// The pixel that all lanes of a group work on; the last groups may have none.
template <class Group>
__device__ int64_t pixel_of_group() {
  return cuda::thread_index() / Group::kLanes;
}

template <class Group, class T>
__global__ void __launch_bounds__(cuda::kThreads, 2)
    softmax_pixels(const T* x, int64_t x_stride, T* y, int64_t y_stride, int64_t pixels, int channels) {
  const int64_t pixel = pixel_of_group<Group>();
  const int end = pixel < pixels ? channels : 0;
  x += pixel * x_stride;
  y += pixel * y_stride;
  typename Group::Held held;
  const float max = Group::row_max(held, x, channels, end);
  const float scale = 1.0f / Group::row_exp(held, x, max, channels, end);
#pragma unroll 1
  for (int begin = 0; begin < channels; begin += Group::kPiece) {
    if (channels > Group::kPiece) {
      held.load(x, begin, end, 0);
      held.exp(max);
    }
    held.scale(scale);
    held.store(y, begin, end);
  }
}

template <class Group, class T>
__global__ void __launch_bounds__(cuda::kThreads, 2)
    softmax_grad_pixels(const T* gy, int64_t gy_stride, const T* y, int64_t y_stride, T* gx,
                        int64_t gx_stride, int64_t pixels, int channels) {
  const int64_t pixel = pixel_of_group<Group>();
  const int end = pixel < pixels ? channels : 0;
  gy += pixel * gy_stride;
  y += pixel * y_stride;
  gx += pixel * gx_stride;
  typename Group::Held g;
  typename Group::Held p;
  float sum = 0;
#pragma unroll 1
  for (int begin = 0; begin < channels; begin += Group::kPiece) {
    g.load(gy, begin, end, 0);
    p.load(y, begin, end, 0);
#pragma unroll
    for (int i = 0; i < Group::kRuns * Group::kVector; ++i) sum += g.value[i] * p.value[i];
  }
  sum = Group::sum(sum);
#pragma unroll 1
  for (int begin = 0; begin < channels; begin += Group::kPiece) {
    if (channels > Group::kPiece) {
      g.load(gy, begin, end, 0);
      p.load(y, begin, end, 0);
    }
#pragma unroll
    for (int i = 0; i < Group::kRuns * Group::kVector; ++i) g.value[i] = p.value[i] * (g.value[i] - sum);
    g.store(gx, begin, end);
  }
}

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    const auto run = [&device = device_of(request),
                      vector = channel_vector({request.inputs[0], request.outputs[0]})](const KernelRun& io) {
      const TensorView& x = io.inputs[0];
      const TensorView& y = io.outputs[0];
      return for_group<T>(x.desc.c(), vector, [&]<class Group>() {
        softmax_pixels<Group>
            <<<cuda::blocks_for(x.desc.pixels() * Group::kLanes), cuda::kThreads, 0, device.stream()>>>(
                x.as<const T>(), x.desc.pixel_stride, y.as<T>(), y.desc.pixel_stride, x.desc.pixels(),
                static_cast<int>(x.desc.c()));
        return cuda::check_launch("softmax");
      });
    };
    return make_function_kernel("cuda", 0, run);
  });
}

Result<std::unique_ptr<Kernel>> prepare_grad(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    const auto run = [&device = device_of(request),
                      vector = channel_vector({request.inputs[0], request.inputs[1], request.outputs[0]})](
                         const KernelRun& io) {
      const TensorView& gy = io.inputs[0];
      const TensorView& y = io.inputs[1];
      const TensorView& gx = io.outputs[0];
      return for_group<T>(y.desc.c(), vector, [&]<class Group>() {
        softmax_grad_pixels<Group>
            <<<cuda::blocks_for(y.desc.pixels() * Group::kLanes), cuda::kThreads, 0, device.stream()>>>(
                gy.as<const T>(), gy.desc.pixel_stride, y.as<const T>(), y.desc.pixel_stride, gx.as<T>(),
                gx.desc.pixel_stride, y.desc.pixels(), static_cast<int>(y.desc.c()));
        return cuda::check_launch("softmax_grad");
      });
    };
    return make_function_kernel("cuda", 0, run);
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"softmax", "cuda", prepare}, {"softmax_grad", "cuda", prepare_grad}};
}

}  // namespace graphrun::ops::softmax
