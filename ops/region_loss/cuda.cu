#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/region_loss/cuda_sums.cuh"

// Dice and Tversky losses.
namespace graphrun::ops::region_loss {
namespace {

struct AddOverlap {
  static constexpr int kCells = kSums;  // a class
  static __device__ void add(FixedCells cells, int classes, int c, int32_t label, float p) {
    cells.add(kPredicted * classes + c, p);
    if (c != label) return;
    cells.add(kOverlap * classes + c, p);
    cells.add(kLabelled * classes + c, 1.0f);
  }
};

struct OverlapSlopes {
  const double* gtotals;
  __device__ float of(int classes, int c, int32_t label, float) const {
    const double overlap = c == label ? gtotals[kOverlap * classes + c] : 0;
    return static_cast<float>(overlap + gtotals[kPredicted * classes + c]);
  }
};

OverlapLoss loss_of(const Attributes& attrs) {
  return {{attrs.real("alpha"), attrs.real("beta"), attrs.real("gamma"), attrs.real("smooth")},
          0,
          nullptr,
          nullptr,
          nullptr};
}
void bind_loss(OverlapLoss& to, const KernelRun& run, std::size_t totals) {
  to.classes = run.inputs[totals].desc.shape[1];
  to.totals = run.inputs[totals].as<const double>();
  to.weights = run.inputs[totals + 1].as<const float>();
}

Result<std::unique_ptr<Kernel>> prepare_loss(const KernelRequest& request) {
  const auto bind = [](OverlapLoss& to, const KernelRun& run) {
    bind_loss(to, run, 0);
    to.loss = run.outputs[0].as<float>();
  };
  return make_cuda_body_kernel(request, "cuda", loss_of(request.attrs), bind, 1);
}

Result<std::unique_ptr<Kernel>> prepare_loss_grad(const KernelRequest& request) {
  const auto bind = [](OverlapLossGrad& to, const KernelRun& run) {
    bind_loss(to.forward, run, 1);
    to.gloss = run.inputs[0].as<const float>();
    to.gtotals = run.outputs[0].as<double>();
  };
  return make_cuda_body_kernel(request, "cuda", OverlapLossGrad{loss_of(request.attrs), nullptr, nullptr},
                               bind, 1);
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  std::vector<KernelEntry> all{{"region_totals", "cuda", prepare_cuda_totals<AddOverlap>},
                               {"region_grad", "cuda", prepare_cuda_grad<OverlapSlopes>},
                               {"region_loss", "cuda", prepare_loss},
                               {"region_loss_grad", "cuda", prepare_loss_grad}};
  for (KernelEntry& entry : cuda_lovasz_kernels()) all.push_back(std::move(entry));
  return all;
}

}  // namespace graphrun::ops::region_loss
