#include "ops/common/compute_type.h"
#include "ops/common/cuda_channels.cuh"
#include "ops/common/function_kernel.h"

namespace graphrun::ops::argmax {
namespace {

template <class Group, class T>
__global__ void __launch_bounds__(cuda::kThreads)
    argmax_pixels(const T* x, int64_t stride, int64_t pixels, int channels, int32_t* y) {
  const int64_t pixel = cuda::thread_index() / Group::kLanes;
  const int end = pixel < pixels ? channels : 0;
  x += pixel * stride;
  typename Group::Held held;
  const float max = Group::row_max(held, x, channels, end);
  const int found = Group::row_find(held, x, max, channels, end);
  if (end > 0 && Group::lane() == 0) y[pixel] = found;
}

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    const auto run = [&device = device_of(request),
                      vector = channel_vector({request.inputs[0]})](const KernelRun& io) {
      const TensorView& x = io.inputs[0];
      return for_warp_group<T>(x.desc.c(), vector, [&]<class Group>() {
        argmax_pixels<Group>
            <<<cuda::blocks_for(x.desc.pixels() * Group::kLanes), cuda::kThreads, 0, device.stream()>>>(
                x.as<const T>(), x.desc.pixel_stride, x.desc.pixels(), static_cast<int>(x.desc.c()),
                io.outputs[0].as<int32_t>());
        return cuda::check_launch("argmax");
      });
    };
    return make_function_kernel("cuda", 0, run);
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() { return {{"argmax", "cuda", prepare}}; }

}  // namespace graphrun::ops::argmax
