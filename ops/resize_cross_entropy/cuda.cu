#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/interpolation.h"
#include "ops/resize_cross_entropy/cuda_scan.cuh"

namespace graphrun::ops::resize_cross_entropy {
namespace {

using cross_entropy::PartialTotals;

Result<std::unique_ptr<Kernel>> prepare_totals(const KernelRequest& request) {
  GRAPHRUN_TRY(require_plain(request));
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    cuda::Device& device = device_of(request);
    GRAPHRUN_ASSIGN(Scan scan, Scan::make(request, request.inputs[0], request.inputs[1]));
    const auto bytes = scan.blocks() * static_cast<int64_t>(sizeof(PartialTotals));
    auto run = [&device, scan = std::move(scan),
                ignore = request.attrs.integer("ignore_label")](const KernelRun& io) -> Status {
      const TensorView& logits = io.inputs[0];
      const auto labels = cross_entropy::device_labels(io, 1, 2, 3, logits.desc.c(), ignore, device);
      auto* partials = static_cast<PartialTotals*>(io.scratch);
      GRAPHRUN_TRY(cross_entropy::clear_confusion(device.stream(), io.outputs[1]));
      GRAPHRUN_TRY(scan.template start<Goal::totals>(
          device.stream(), labels, logits,
          {partials, io.outputs[1].template as<unsigned long long>(), nullptr}));
      return cross_entropy::sum_partials(device.stream(), partials, scan.blocks(),
                                         io.outputs[0].template as<double>());
    };
    return make_function_kernel("cuda", bytes, std::move(run));
  });
}

Result<std::unique_ptr<Kernel>> prepare_probability(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    cuda::Device& device = device_of(request);
    GRAPHRUN_ASSIGN(Scan scan, Scan::make(request, request.inputs[0], request.inputs[1]));
    auto run = [&device, scan = std::move(scan),
                ignore = request.attrs.integer("ignore_label")](const KernelRun& io) {
      const TensorView& logits = io.inputs[0];
      const auto labels = cross_entropy::device_labels(io, 1, 0, 0, logits.desc.c(), ignore, device);
      return scan.template start<Goal::probability>(device.stream(), labels, logits,
                                                    {nullptr, nullptr, io.outputs[0].template as<float>()});
    };
    return make_function_kernel("cuda", 0, std::move(run));
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"resize_label_probability", "cuda", prepare_probability},
          {"resize_cross_entropy_totals", "cuda", prepare_totals},
          {"resize_cross_entropy_grad", "cuda", prepare_cuda_grad}};
}

}  // namespace graphrun::ops::resize_cross_entropy
