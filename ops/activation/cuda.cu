#include <type_traits>

#include "ops/activation/body.h"
#include "ops/common/compute_type.h"
#include "ops/common/cuda_pixels.cuh"

namespace graphrun::ops::activation {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class F>
Prepared prepare(const KernelRequest& request) {
  const F f = with_slope<F>(slope_of<F>(request.attrs));
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    return make_map_kernel < T, std::is_invocable_v<F, float> ? 1 : 2 > (request, "cuda", f);
  });
}
template <class F, class Tanh>
Prepared prepare_gelu(const KernelRequest& request) {
  return request.attrs.text("approximate") == "tanh" ? prepare<Tanh>(request) : prepare<F>(request);
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"relu", "cuda", prepare<Relu>},
          {"relu_grad", "cuda", prepare<ReluGrad>},
          {"sigmoid", "cuda", prepare<Sigmoid>},
          {"sigmoid_grad", "cuda", prepare<SigmoidGrad>},
          {"relu6", "cuda", prepare<Relu6>},
          {"relu6_grad", "cuda", prepare<Relu6Grad>},
          {"leaky_relu", "cuda", prepare<LeakyRelu>},
          {"leaky_relu_grad", "cuda", prepare<LeakyReluGrad>},
          {"hard_sigmoid", "cuda", prepare<HardSigmoid>},
          {"hard_sigmoid_grad", "cuda", prepare<HardSigmoidGrad>},
          {"hard_swish", "cuda", prepare<HardSwish>},
          {"hard_swish_grad", "cuda", prepare<HardSwishGrad>},
          {"silu", "cuda", prepare<Silu>},
          {"silu_grad", "cuda", prepare<SiluGrad>},
          {"gelu", "cuda", prepare_gelu<Gelu, GeluTanh>},
          {"gelu_grad", "cuda", prepare_gelu<GeluGrad, GeluTanhGrad>}};
}

}  // namespace graphrun::ops::activation
