#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/region_loss/cuda_sums.cuh"

namespace graphrun::ops::region_loss {
namespace {

struct AddErrors {
  static constexpr int kCells = kErrorSums * kErrorBins;
  static __device__ void add(FixedCells cells, int classes, int c, int32_t label, float p) {
    const float error = error_of(p, c == label);
    const int64_t cell = int64_t{c} * kErrorBins + (error >= 0 ? error_bin(error) : 0);
    const int64_t of_sum = int64_t{classes} * kErrorBins;
    cells.add((c == label ? kHitCount : kMissCount) * of_sum + cell, 1.0f);
    cells.add((c == label ? kHitSum : kMissSum) * of_sum + cell, error);
  }
};

struct ErrorSlopes {
  const double* gtotals;
  __device__ float of(int classes, int c, int32_t label, float p) const {
    const float error = error_of(p, c == label);
    if (!(error >= 0)) return error;
    const int64_t sum = c == label ? kHitSum : kMissSum;
    const auto slope = static_cast<float>(gtotals[(sum * classes + c) * kErrorBins + error_bin(error)]);
    return c == label ? -slope : slope;
  }
};

// First the terms of the classes, then what is made of them.
Status find_terms(cuda::Device& device, const TensorView& totals, const TensorView& weights, double* terms) {
  const int64_t classes = totals.desc.shape[1];
  const LovaszClass of{{totals.as<const double>(), classes}, weights.as<const float>(), terms};
  return cuda::for_each(device.stream(), classes, of, "lovasz_loss");
}

Result<std::unique_ptr<Kernel>> prepare_loss(const KernelRequest& request) {
  const auto run = [&device = device_of(request)](const KernelRun& io) -> Status {
    auto* terms = static_cast<double*>(io.scratch);
    GRAPHRUN_TRY(find_terms(device, io.inputs[0], io.inputs[1], terms));
    const LovaszMean mean{terms, io.inputs[0].desc.shape[1], io.outputs[0].as<float>()};
    return cuda::for_each(device.stream(), 1, mean, "lovasz_loss");
  };
  return make_function_kernel("cuda", request.inputs[0].shape[1] * 16, run);
}

Result<std::unique_ptr<Kernel>> prepare_loss_grad(const KernelRequest& request) {
  const auto run = [&device = device_of(request)](const KernelRun& io) -> Status {
    auto* terms = static_cast<double*>(io.scratch);
    GRAPHRUN_TRY(find_terms(device, io.inputs[1], io.inputs[2], terms));
    const int64_t classes = io.inputs[1].desc.shape[1];
    const LovaszGrad of{{io.inputs[1].as<const double>(), classes},
                        terms,
                        io.inputs[0].as<const float>(),
                        io.outputs[0].as<double>()};
    return cuda::for_each(device.stream(), classes, of, "lovasz_loss_grad");
  };
  return make_function_kernel("cuda", request.inputs[1].shape[1] * 16, run);
}

}  // namespace

std::vector<KernelEntry> cuda_lovasz_kernels() {
  return {{"lovasz_totals", "cuda", prepare_cuda_totals<AddErrors>},
          {"lovasz_grad", "cuda", prepare_cuda_grad<ErrorSlopes>},
          {"lovasz_loss", "cuda", prepare_loss},
          {"lovasz_loss_grad", "cuda", prepare_loss_grad}};
}

}  // namespace graphrun::ops::region_loss
