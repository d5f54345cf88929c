#include "ops/common/compute_type.h"
#include "ops/common/cuda_channels.cuh"
#include "ops/common/function_kernel.h"
#include "ops/cross_entropy/cuda_scores.cuh"
#include "ops/cross_entropy/pixel_loss.h"

namespace graphrun::ops::cross_entropy {
namespace {

constexpr unsigned kAll = 0xffffffffu;

// Pixels of which each warp takes 32 neighbours.
template <class T>
struct Pixels {
  const T* data;
  int64_t stride;
  int64_t count;
};

struct PixelScore {
  float max;
  float sum;  // of e^(logit - max)
  int best;
};

// Thread i gets the score of pixel i of the warp's 32, whose logits begin at `logits`; undefined where the
// thread wants none. The threads of a group compute a pixel together.
template <class Group, class T>
__device__ PixelScore score_warp(const T* logits, int64_t stride, int channels, bool wanted) {
  constexpr int kGroups = 32 / Group::kLanes;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const unsigned pixels = __ballot_sync(kAll, wanted);
  PixelScore mine{0, 1, 0};
#pragma unroll 1
  for (int i = 0; i < Group::kLanes; ++i) {
    if ((pixels >> (i * kGroups) & ((1u << kGroups) - 1)) == 0) continue;
    const int pixel = i * kGroups + lane / Group::kLanes;
    const T* x = logits + pixel * stride;
    const int end = (pixels >> pixel & 1u) != 0 ? channels : 0;
    typename Group::Held held;
    const float max = Group::row_max(held, x, channels, end);
    const int best = Group::row_find(held, x, max, channels, end);
    const float sum = Group::row_exp(held, x, max, channels, end);
    const int from = lane % kGroups * Group::kLanes;
    const PixelScore theirs{__shfl_sync(kAll, max, from), __shfl_sync(kAll, sum, from),
                            __shfl_sync(kAll, best, from)};
    if (lane / kGroups == i) mine = theirs;
  }
  return mine;
}

// The weighted loss of a pixel (PixelLoss).
template <class T>
__device__ double pixel_loss(const PixelLoss& rule, const DeviceLabels& labels, const T* logits,
                             int32_t label, const PixelScore& score) {
  const float log_sum = logf(score.sum);
  const auto nll_of = [&](int32_t c) { return log_sum - (static_cast<float>(logits[c]) - score.max); };
  const float nll = nll_of(label);
  const double own =
      static_cast<double>(labels.weight_of(label)) * static_cast<double>(nll * rule.factor(nll));
  if (rule.focus != 0 || rule.smoothing == 0) return own;
  double all = 0;
  for (int32_t c = 0; c < labels.classes; ++c) all += static_cast<double>(labels.weight_of(c) * nll_of(c));
  const auto share = static_cast<double>(rule.smoothing);
  return (1 - share) * own + share / labels.classes * all;
}

template <class Group, class T>
__global__ void __launch_bounds__(cuda::kThreads)
    score_pixels(DeviceLabels labels, PixelLoss rule, Pixels<T> logits, PartialTotals* partials,
                 unsigned long long* confusion) {
  const int64_t pixel = cuda::thread_index();
  const bool inside = pixel < logits.count;
  const int32_t label = inside ? labels.label(pixel) : DeviceLabels::kNone;
  const int32_t counted = inside ? labels.counted_label(pixel, label) : DeviceLabels::kNone;
  const PixelScore score = score_warp<Group>(logits.data + pixel / 32 * 32 * logits.stride, logits.stride,
                                             labels.classes, label != DeviceLabels::kNone);
  count_prediction(confusion, labels.classes, label, score.best);
  PartialTotals sums{0, 0};
  if (label != DeviceLabels::kNone && counted != DeviceLabels::kNone) {
    sums.weight = static_cast<double>(labels.weight_of(counted));
    sums.loss = pixel_loss(rule, labels, logits.data + pixel * logits.stride, counted, score);
  }
  write_partial(sums, partials + blockIdx.x);
}

template <class Group, class T>
__global__ void __launch_bounds__(cuda::kThreads)
    label_probabilities(DeviceLabels labels, Pixels<T> logits, float* probability) {
  const int64_t pixel = cuda::thread_index();
  const bool inside = pixel < logits.count;
  const int32_t label = inside ? labels.label(pixel) : DeviceLabels::kNone;
  const PixelScore score = score_warp<Group>(logits.data + pixel / 32 * 32 * logits.stride, logits.stride,
                                             labels.classes, label != DeviceLabels::kNone);
  if (!inside) return;
  float value = 1;
  if (label != DeviceLabels::kNone)
    value = expf(static_cast<float>(logits.data[pixel * logits.stride + label]) - score.max) / score.sum;
  probability[pixel] = value;
}

// What multiplies softmax, its sum, and the label's one in a pixel's gradient, and what each class's weight
// is taken off by.
struct GradientScales {
  float softmax;
  float label;
  float weights;
};
template <class T>
__device__ GradientScales scales_of(const PixelLoss& rule, const DeviceLabels& labels, float gradient,
                                    int32_t label, const T* logits, float max, float sum) {
  float own = gradient * labels.weight_of(label);
  if (rule.focus != 0) own *= rule.slope(logf(sum) - (static_cast<float>(logits[label]) - max));
  if (rule.focus != 0 || rule.smoothing == 0) return {own, own, 0};
  const float share = gradient * rule.smoothing / static_cast<float>(labels.classes);
  float all = 0;
  for (int32_t c = 0; c < labels.classes; ++c) all += labels.weight_of(c);
  own *= 1 - rule.smoothing;
  return {own + share * all, own, share};
}

// A group a pixel. The logits' memory may be the gradient's.
template <class Group, class T>
__global__ void __launch_bounds__(cuda::kThreads)
    grad_pixels(DeviceLabels labels, PixelLoss rule, const double* gtotals, Pixels<T> logits, T* to,
                int64_t to_stride) {
  const int64_t pixel = cuda::thread_index() / Group::kLanes;
  const int32_t label = pixel < logits.count ? labels.label(pixel) : DeviceLabels::kNone;
  const int channels = labels.classes;
  const int end = label != DeviceLabels::kNone ? channels : 0;
  const T* x = logits.data + pixel * logits.stride;
  to += pixel * to_stride;
  typename Group::Held held;
  const float max = Group::row_max(held, x, channels, end);
  const float sum = Group::row_exp(held, x, max, channels, end);
  GradientScales scales{0, 0, 0};
  if (end != 0) scales = scales_of(rule, labels, static_cast<float>(gtotals[0]), label, x, max, sum);
  const float factor = scales.softmax / sum;
  // The label's logit has been read before it is written over.
  if constexpr (Group::kWarps > 1) {
    __syncthreads();
  } else {
    __syncwarp();
  }
  if (pixel >= logits.count) return;
#pragma unroll 1
  for (int begin = 0; begin < channels; begin += Group::kPiece) {
    if (channels > Group::kPiece) {
      held.load(x, begin, end, -INFINITY);
      held.exp(max);
    }
#pragma unroll
    for (int i = 0; i < Group::kRuns * Group::kVector; ++i) {
      const int c = Group::Held::channel(begin, i);
      float value = held.value[i] * factor - (c == label ? scales.label : 0.0f);
      if (scales.weights != 0 && c < channels) value -= scales.weights * labels.weight_of(c);
      held.value[i] = end == 0 ? 0.0f : value;
    }
    held.store(to, begin, channels);
  }
}

template <class T>
Pixels<T> pixels_of(const TensorView& logits) {
  return {logits.as<const T>(), logits.desc.pixel_stride, logits.desc.pixels()};
}

Result<std::unique_ptr<Kernel>> prepare_totals(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    const unsigned blocks = cuda::blocks_for(request.inputs[0].pixels());
    const auto run = [&device = device_of(request), blocks, vector = channel_vector({request.inputs[0]}),
                      ignore = request.attrs.integer("ignore_label"),
                      rule = rule_of(request.attrs)](const KernelRun& io) -> Status {
      const int64_t classes = io.inputs[0].desc.c();
      const DeviceLabels labels = device_labels(io, 1, 2, 3, classes, ignore, device);
      GRAPHRUN_TRY(clear_confusion(device.stream(), io.outputs[1]));
      auto* partials = static_cast<PartialTotals*>(io.scratch);
      GRAPHRUN_TRY(for_warp_group<T>(classes, vector, [&]<class Group>() {
        score_pixels<Group><<<blocks, cuda::kThreads, 0, device.stream()>>>(
            labels, rule, pixels_of<T>(io.inputs[0]), partials, io.outputs[1].as<unsigned long long>());
        return cuda::check_launch("cross_entropy_totals");
      }));
      return sum_partials(device.stream(), partials, blocks, io.outputs[0].as<double>());
    };
    return make_function_kernel("cuda", blocks * static_cast<int64_t>(sizeof(PartialTotals)), run);
  });
}

Result<std::unique_ptr<Kernel>> prepare_probability(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    const auto run = [&device = device_of(request), vector = channel_vector({request.inputs[0]}),
                      ignore = request.attrs.integer("ignore_label")](const KernelRun& io) {
      const TensorDesc& desc = io.inputs[0].desc;
      const DeviceLabels labels = device_labels(io, 1, 0, 0, desc.c(), ignore, device);
      return for_warp_group<T>(desc.c(), vector, [&]<class Group>() {
        label_probabilities<Group><<<cuda::blocks_for(desc.pixels()), cuda::kThreads, 0, device.stream()>>>(
            labels, pixels_of<T>(io.inputs[0]), io.outputs[0].as<float>());
        return cuda::check_launch("label_probability");
      });
    };
    return make_function_kernel("cuda", 0, run);
  });
}

Result<std::unique_ptr<Kernel>> prepare_grad(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    const auto run =
        [&device = device_of(request), vector = channel_vector({request.inputs[1], request.outputs[0]}),
         ignore = request.attrs.integer("ignore_label"), rule = rule_of(request.attrs)](const KernelRun& io) {
          const TensorDesc& desc = io.inputs[1].desc;
          const DeviceLabels labels = device_labels(io, 2, 3, 0, desc.c(), ignore, device);
          return for_warp_group<T>(desc.c(), vector, [&]<class Group>() {
            grad_pixels<Group>
                <<<cuda::blocks_for(desc.pixels() * Group::kLanes), cuda::kThreads, 0, device.stream()>>>(
                    labels, rule, io.inputs[0].as<const double>(), pixels_of<T>(io.inputs[1]),
                    io.outputs[0].as<T>(), io.outputs[0].desc.pixel_stride);
            return cuda::check_launch("cross_entropy_grad");
          });
        };
    return make_function_kernel("cuda", 0, run);
  });
}

struct MeanLoss {
  const double* totals;
  float* loss;
  __device__ void operator()(int64_t) const {
    *loss = totals[1] > 0 ? static_cast<float>(totals[0] / totals[1]) : 0.0f;
  }
};

struct MeanLossGrad {
  const float* gloss;
  const double* totals;
  double* gtotals;
  __device__ void operator()(int64_t) const {
    gtotals[0] = totals[1] > 0 ? static_cast<double>(*gloss) / totals[1] : 0;
    gtotals[1] = 0;
  }
};

Result<std::unique_ptr<Kernel>> prepare_mean(const KernelRequest& request) {
  const auto bind = [](MeanLoss& to, const KernelRun& run) {
    to = {run.inputs[0].as<const double>(), run.outputs[0].as<float>()};
  };
  return make_cuda_body_kernel(request, "cuda", MeanLoss(), bind, 1);
}

Result<std::unique_ptr<Kernel>> prepare_mean_grad(const KernelRequest& request) {
  const auto bind = [](MeanLossGrad& to, const KernelRun& run) {
    to = {run.inputs[0].as<const float>(), run.inputs[1].as<const double>(), run.outputs[0].as<double>()};
  };
  return make_cuda_body_kernel(request, "cuda", MeanLossGrad(), bind, 1);
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"cross_entropy_totals", "cuda", prepare_totals},
          {"cross_entropy_grad", "cuda", prepare_grad},
          {"mean_loss", "cuda", prepare_mean},
          {"mean_loss_grad", "cuda", prepare_mean_grad},
          {"label_probability", "cuda", prepare_probability},
          {"hard_label", "cuda", prepare_cuda_hard_label}};
}

}  // namespace graphrun::ops::cross_entropy
