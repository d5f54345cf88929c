#include "ops/activation/body.h"
#include "ops/common/compute_type.h"
#include "ops/common/cuda_pixels.cuh"

namespace graphrun::ops::activation {
namespace {

struct Relu {
  __device__ float operator()(float x) const { return relu(x); }
};
struct Sigmoid {
  __device__ float operator()(float x) const { return sigmoid(x); }
};
struct ReluGrad {
  __device__ float operator()(float gy, float y) const { return relu_grad(gy, y); }
};
struct SigmoidGrad {
  __device__ float operator()(float gy, float y) const { return sigmoid_grad(gy, y); }
};

template <int kInputs, class F>
Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    return make_map_kernel<T, kInputs>(request, "cuda", F());
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"relu", "cuda", prepare<1, Relu>},
          {"sigmoid", "cuda", prepare<1, Sigmoid>},
          {"relu_grad", "cuda", prepare<2, ReluGrad>},
          {"sigmoid_grad", "cuda", prepare<2, SigmoidGrad>}};
}

}  // namespace graphrun::ops::activation
