#pragma once

#include "ops/cross_entropy/cuda_scores.cuh"
#include "ops/region_loss/functions.h"
#include "ops/region_loss/types.h"

// Sums over labelled pixels and their gradients on a GPU, for logits of the label's size; those of small
// logits are computed in their parts.
namespace graphrun::ops::region_loss {

// The kernels of cuda_lovasz.cu.
std::vector<KernelEntry> cuda_lovasz_kernels();

// Sums in whole units of 2^-32, so that they do not depend on the order in which threads add. Cell 0 says
// whether anything was no number, which must show in all sums.
struct FixedCells {
  unsigned long long* cells;

  __device__ void add(int64_t cell, float value) const {
    if (value >= 0)
      atomicAdd(cells + 1 + cell, static_cast<unsigned long long>(static_cast<double>(value) * 4294967296.0));
    else
      atomicOr(cells, 1ull);
  }
};

struct FixedTotals {
  const unsigned long long* cells;
  double* totals;
  __device__ void operator()(int64_t i) const {
    totals[i] = cells[0] == 0 ? static_cast<double>(cells[1 + i]) / 4294967296.0 : NAN;
  }
};

// The softmax of a pixel: thread i of a block has a pixel of its own, whose channels it reads one by one.
template <class T>
struct PixelSoftmax {
  const T* x;
  float max;
  float factor;
  int best;

  __device__ PixelSoftmax(const T* logits, int classes) : x(logits), max(-INFINITY), factor(0), best(0) {
    for (int c = 0; c < classes; ++c) {
      const auto value = static_cast<float>(x[c]);
      if (value > max) {
        max = value;
        best = c;
      }
    }
    float sum = 0;
    for (int c = 0; c < classes; ++c) sum += expf(static_cast<float>(x[c]) - max);
    factor = 1 / sum;
  }
  __device__ float of(int c) const { return expf(static_cast<float>(x[c]) - max) * factor; }
};

// Sum::add adds what class c of a pixel gives.
template <class Sum, class T>
__global__ void __launch_bounds__(cuda::kThreads)
    add_pixels(cross_entropy::DeviceLabels labels, const T* logits, int64_t stride, int64_t pixels,
               FixedCells cells, unsigned long long* confusion) {
  const int64_t pixel = cuda::thread_index();
  const int32_t label = pixel < pixels ? labels.label(pixel) : cross_entropy::DeviceLabels::kNone;
  int best = 0;
  if (label != cross_entropy::DeviceLabels::kNone) {
    const PixelSoftmax<T> softmax(logits + pixel * stride, labels.classes);
    best = softmax.best;
    for (int c = 0; c < labels.classes; ++c) Sum::add(cells, labels.classes, c, label, softmax.of(c));
  }
  cross_entropy::count_prediction(confusion, labels.classes, label, best);
}

template <class Sum>
Result<std::unique_ptr<Kernel>> prepare_cuda_totals(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    const int64_t count = int64_t{Sum::kCells} * request.inputs[0].c();
    const auto run = [&device = device_of(request), count,
                      ignore = request.attrs.integer("ignore_label")](const KernelRun& io) -> Status {
      const TensorDesc& desc = io.inputs[0].desc;
      const auto labels = cross_entropy::device_labels(io, 1, 0, 0, desc.c(), ignore, device);
      auto* cells = static_cast<unsigned long long*>(io.scratch);
      GRAPHRUN_TRY(
          cuda::check(cudaMemsetAsync(cells, 0, static_cast<std::size_t>(1 + count) * 8, device.stream()),
                      "cudaMemsetAsync"));
      GRAPHRUN_TRY(cross_entropy::clear_confusion(device.stream(), io.outputs[1]));
      add_pixels<Sum><<<cuda::blocks_for(desc.pixels()), cuda::kThreads, 0, device.stream()>>>(
          labels, io.inputs[0].as<const T>(), desc.pixel_stride, desc.pixels(), FixedCells{cells},
          io.outputs[1].as<unsigned long long>());
      GRAPHRUN_TRY(cuda::check_launch("sums of a region loss"));
      return cuda::for_each(device.stream(), count, FixedTotals{cells, io.outputs[0].as<double>()},
                            "sums of a region loss");
    };
    return make_function_kernel("cuda", (1 + count) * 8, run);
  });
}

// Slopes::of is the derivative by a class's probability.
template <class Slopes, class T>
struct GradPixel {
  cross_entropy::DeviceLabels labels;
  Slopes slopes;
  const T* logits;
  int64_t stride;
  T* to;
  int64_t to_stride;

  __device__ void operator()(int64_t pixel) const {
    const int32_t label = labels.label(pixel);
    const int classes = labels.classes;
    T* out = to + pixel * to_stride;
    if (label == cross_entropy::DeviceLabels::kNone) {
      for (int c = 0; c < classes; ++c) out[c] = static_cast<T>(0.0f);
      return;
    }
    const PixelSoftmax<T> softmax(logits + pixel * stride, classes);
    float mean = 0;
    for (int c = 0; c < classes; ++c) {
      const float p = softmax.of(c);
      mean += p * slopes.of(classes, c, label, p);
    }
    // Each logit is read before its gradient takes its place.
    for (int c = 0; c < classes; ++c) {
      const float p = softmax.of(c);
      out[c] = static_cast<T>(p * (slopes.of(classes, c, label, p) - mean));
    }
  }
};

template <class Slopes>
Result<std::unique_ptr<Kernel>> prepare_cuda_grad(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    const auto run = [&device = device_of(request),
                      ignore = request.attrs.integer("ignore_label")](const KernelRun& io) {
      const TensorDesc& desc = io.inputs[1].desc;
      const GradPixel<Slopes, T> grad{cross_entropy::device_labels(io, 2, 0, 0, desc.c(), ignore, device),
                                      Slopes{io.inputs[0].as<const double>()},
                                      io.inputs[1].as<const T>(),
                                      desc.pixel_stride,
                                      io.outputs[0].as<T>(),
                                      io.outputs[0].desc.pixel_stride};
      return cuda::for_each(device.stream(), desc.pixels(), grad, "gradient of a region loss");
    };
    return make_function_kernel("cuda", 0, run);
  });
}

}  // namespace graphrun::ops::region_loss
