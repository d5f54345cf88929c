#include "ops/common/cuda_kernel.cuh"
#include "ops/common/function_kernel.h"
#include "ops/conv2d/cuda_kernels.h"
#include "ops/conv2d/parts.h"

namespace graphrun::ops::conv2d::gpu {

Prepared prepare_slice_weight(const KernelRequest& request) {
  const TensorDesc& weight = request.inputs[0];
  const std::int64_t begin = request.attrs.integer("begin") * (row_of(weight) / weight.shape[1]);
  auto run = [begin, &device = device_of(request)](const KernelRun& io) {
    const TensorDesc& part = io.outputs[0].desc;
    const CopyRows rows{row_of(part), row_of(io.inputs[0].desc), row_of(part),
                        io.inputs[0].as<const float>() + begin, io.outputs[0].as<float>()};
    return cuda::for_each(device.stream(), part.shape.count(), rows, "slice_weight");
  };
  return make_function_kernel("cuda", 0, std::move(run));
}

Prepared prepare_join_weights(const KernelRequest& request) {
  auto run = [&device = device_of(request)](const KernelRun& io) -> Status {
    float* to = io.outputs[0].as<float>();
    for (const TensorView& part : io.inputs) {
      const CopyRows rows{row_of(part.desc), row_of(part.desc), row_of(io.outputs[0].desc),
                          part.as<const float>(), to};
      GRAPHRUN_TRY(cuda::for_each(device.stream(), part.desc.shape.count(), rows, "join_weights"));
      to += row_of(part.desc);
    }
    return {};
  };
  return make_function_kernel("cuda", 0, std::move(run));
}

}  // namespace graphrun::ops::conv2d::gpu
