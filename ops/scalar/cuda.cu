#include <algorithm>

#include "ops/common/cuda_pixels.cuh"

namespace graphrun::ops::scalar {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

// Terms of a launch; sums of more are carried from launch to launch.
struct SumTerms {
  static constexpr int kTerms = 16;
  const float* x[kTerms];
  double weights[kTerms];
  int count;
  bool first, last;
  double* carry;
  float* y;

  __device__ void operator()(int64_t) const {
    double sum = first ? 0.0 : *carry;
#pragma unroll
    for (int i = 0; i < kTerms; ++i)
      if (i < count) sum += weights[i] * static_cast<double>(*x[i]);
    if (last) {
      *y = static_cast<float>(sum);
    } else {
      *carry = sum;
    }
  }
};

Prepared prepare_weighted_sum(const KernelRequest& request) {
  const auto run = [&device = device_of(request),
                    weights = request.attrs.reals("weights")](const KernelRun& io) -> Status {
    for (std::size_t begin = 0; begin == 0 || begin < weights.size(); begin += SumTerms::kTerms) {
      SumTerms terms{};
      terms.count = static_cast<int>(std::min<std::size_t>(weights.size() - begin, SumTerms::kTerms));
      for (int i = 0; i < terms.count; ++i) {
        terms.x[i] = io.inputs[begin + static_cast<std::size_t>(i)].as<const float>();
        terms.weights[i] = weights[begin + static_cast<std::size_t>(i)];
      }
      terms.first = begin == 0;
      terms.last = begin + SumTerms::kTerms >= weights.size();
      terms.carry = static_cast<double*>(io.scratch);
      terms.y = io.outputs[0].as<float>();
      GRAPHRUN_TRY(cuda::for_each(device.stream(), 1, terms, "weighted_sum"));
    }
    return {};
  };
  return make_function_kernel("cuda", sizeof(double), run);
}

struct Scale {
  float factor;
  __device__ float operator()(float x) const { return factor * x; }
};

Prepared prepare_scale(const KernelRequest& request) {
  const auto divisor = static_cast<double>(request.attrs.integer("divisor"));
  const Scale scale{static_cast<float>(request.attrs.real("factor") / divisor)};
  switch (request.inputs[0].dtype) {
    case DType::f32:
      return make_map_kernel<float, 1>(request, "cuda", scale);
    case DType::bf16:
      return make_map_kernel<BFloat16, 1>(request, "cuda", scale);
    default:
      return {ErrorCode::declined, "computes in f32 and bf16 only"};
  }
}

struct Fill {
  float value;
  float* y;
  __device__ void operator()(int64_t) const { *y = value; }
};

Prepared prepare_fill(const KernelRequest& request) {
  const auto run = [&device = device_of(request),
                    value = static_cast<float>(request.attrs.real("value"))](const KernelRun& io) {
    return cuda::for_each(device.stream(), 1, Fill{value, io.outputs[0].as<float>()}, "fill");
  };
  return make_function_kernel("cuda", 0, run);
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"weighted_sum", "cuda", prepare_weighted_sum},
          {"scale", "cuda", prepare_scale},
          {"fill", "cuda", prepare_fill}};
}

}  // namespace graphrun::ops::scalar
