#include "ops/boundary/kernel_bodies.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/cross_entropy/cuda_scores.cuh"

namespace graphrun::ops::boundary {
namespace {

using cross_entropy::DeviceLabels;
using cross_entropy::PartialTotals;

struct BoundaryPixel {
  LabelBoundary body;
  __device__ void operator()(int64_t i) const { body.pixel(i / body.w, i % body.w); }
};

// The sums of one side: on boundaries, or off them.
template <class T>
__global__ void __launch_bounds__(cuda::kThreads)
    add_side(DeviceLabels labels, const T* score, int64_t stride, int64_t pixels, bool on,
             PartialTotals* partials) {
  const int64_t pixel = cuda::thread_index();
  const int32_t label = pixel < pixels ? labels.label(pixel) : DeviceLabels::kNone;
  PartialTotals sums{0, 0};
  if (label != DeviceLabels::kNone && (label == 1) == on) {
    sums.loss = static_cast<double>(binary_loss(static_cast<float>(score[pixel * stride]), on));
    sums.weight = 1;
  }
  write_partial(sums, partials + blockIdx.x);
}

// (sum, count) of each side to all sums, then all counts.
struct InOrder {
  const double* sides;
  double* totals;
  __device__ void operator()(int64_t i) const { totals[i] = sides[i % 2 * 2 + i / 2]; }
};

Result<std::unique_ptr<Kernel>> prepare_totals(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    const unsigned blocks = cuda::blocks_for(request.inputs[0].pixels());
    const auto run = [&device = device_of(request), blocks,
                      ignore = request.attrs.integer("ignore_label")](const KernelRun& io) -> Status {
      const TensorDesc& desc = io.inputs[0].desc;
      const DeviceLabels labels = cross_entropy::device_labels(io, 1, 0, 0, 2, ignore, device);
      auto* sides = static_cast<double*>(io.scratch);
      auto* partials = reinterpret_cast<PartialTotals*>(sides + 4);
      for (const bool on : {true, false}) {
        add_side<<<blocks, cuda::kThreads, 0, device.stream()>>>(
            labels, io.inputs[0].as<const T>(), desc.pixel_stride, desc.pixels(), on, partials);
        GRAPHRUN_TRY(cuda::check_launch("boundary_totals"));
        GRAPHRUN_TRY(cross_entropy::sum_partials(device.stream(), partials, blocks, sides + (on ? 0 : 2)));
      }
      return cuda::for_each(device.stream(), 4, InOrder{sides, io.outputs[0].as<double>()},
                            "boundary_totals");
    };
    return make_function_kernel("cuda", 32 + blocks * static_cast<int64_t>(sizeof(PartialTotals)), run);
  });
}

template <class T>
struct BoundaryGrad {
  DeviceLabels labels;
  const double* gtotals;
  const T* score;
  int64_t stride;
  T* to;
  int64_t to_stride;
  __device__ void operator()(int64_t pixel) const {
    const int32_t label = labels.label(pixel);
    float g = 0;
    if (label != DeviceLabels::kNone)
      g = binary_gradient(static_cast<float>(score[pixel * stride]), label == 1,
                          static_cast<float>(gtotals[0]), static_cast<float>(gtotals[1]));
    to[pixel * to_stride] = static_cast<T>(g);
  }
};

Result<std::unique_ptr<Kernel>> prepare_grad(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    const auto run = [&device = device_of(request),
                      ignore = request.attrs.integer("ignore_label")](const KernelRun& io) {
      const TensorDesc& desc = io.inputs[1].desc;
      const BoundaryGrad<T> grad{cross_entropy::device_labels(io, 2, 0, 0, 2, ignore, device),
                                 io.inputs[0].as<const double>(),
                                 io.inputs[1].as<const T>(),
                                 desc.pixel_stride,
                                 io.outputs[0].as<T>(),
                                 io.outputs[0].desc.pixel_stride};
      return cuda::for_each(device.stream(), desc.pixels(), grad, "boundary_grad");
    };
    return make_function_kernel("cuda", 0, run);
  });
}

Result<std::unique_ptr<Kernel>> prepare_loss(const KernelRequest& request) {
  const auto bind = [](BoundaryLoss& to, const KernelRun& run) {
    to = {run.inputs[0].as<const double>(), run.outputs[0].as<float>()};
  };
  return make_cuda_body_kernel(request, "cuda", BoundaryLoss(), bind, 1);
}

Result<std::unique_ptr<Kernel>> prepare_loss_grad(const KernelRequest& request) {
  const auto bind = [](BoundaryLossGrad& to, const KernelRun& run) {
    to = {run.inputs[0].as<const float>(), run.inputs[1].as<const double>(), run.outputs[0].as<double>()};
  };
  return make_cuda_body_kernel(request, "cuda", BoundaryLossGrad(), bind, 1);
}

Result<std::unique_ptr<Kernel>> prepare_boundary(const KernelRequest& request) {
  const auto bind = [](BoundaryPixel& to, const KernelRun& run) { bind_label_boundary(to.body, run); };
  return make_cuda_body_kernel(request, "cuda", BoundaryPixel{make_label_boundary(request)}, bind,
                               request.inputs[0].shape.count());
}

Result<std::unique_ptr<Kernel>> prepare_select(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    return make_cuda_body_kernel<SelectLabel<T>>(request, "cuda", make_select_label<T>(request),
                                                 bind_select_label<T>, request.inputs[0].shape.count());
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"boundary_totals", "cuda", prepare_totals},  {"boundary_grad", "cuda", prepare_grad},
          {"boundary_loss", "cuda", prepare_loss},      {"boundary_loss_grad", "cuda", prepare_loss_grad},
          {"label_boundary", "cuda", prepare_boundary}, {"select_label", "cuda", prepare_select}};
}

}  // namespace graphrun::ops::boundary
