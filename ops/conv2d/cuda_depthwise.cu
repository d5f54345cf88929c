#include "ops/common/compute_type.h"
#include "ops/common/cuda_channels.cuh"
#include "ops/common/function_kernel.h"
#include "ops/common/scratch.h"
#include "ops/conv2d/cuda_kernels.h"

// Convolutions each of whose outputs reads the channel of its own number alone: a thread has a pixel's
// neighbouring channels and reads the window for them. Weights are brought to (taps, C) first.
namespace graphrun::ops::conv2d::gpu {
namespace {

// (taps, C) of (C, taps), scaled as batch norm does, and the bias that remains.
struct TapsFirst {
  int64_t channels, taps;
  const float* weight;
  const float* bias;  // of the convolution; null: none
  Fold fold;
  float* to;
  float* to_bias;  // null: unwanted

  __device__ void operator()(int64_t c) const {
    double scale = 1, shift = bias != nullptr ? static_cast<double>(bias[c]) : 0;
    if (fold.weight != nullptr) {
      scale = static_cast<double>(fold.weight[c]) / sqrt(static_cast<double>(fold.variance[c]) + fold.eps);
      shift = static_cast<double>(fold.bias[c]) + (shift - static_cast<double>(fold.mean[c])) * scale;
    }
    for (int64_t k = 0; k < taps; ++k)
      to[k * channels + c] = static_cast<float>(static_cast<double>(weight[c * taps + k]) * scale);
    if (to_bias != nullptr) to_bias[c] = static_cast<float>(shift);
  }
};

template <int kVector, class T>
struct Filter {
  Geometry g;
  int vectors;  // of a pixel
  const float* weight;
  const float* bias;  // null: none
  const T* residual;  // null: none
  int64_t residual_stride;
  bool relu;
  const T* x;
  int64_t x_stride;
  T* y;
  int64_t y_stride;

  __device__ void operator()(int64_t i) const {
    const int64_t pixel = i / vectors;
    const int c = static_cast<int>(i - pixel * vectors) * kVector;
    const int64_t line = pixel / g.ow;
    const int64_t column = (pixel - line * g.ow) * g.sw - g.pw;
    const int64_t image = line / g.oh;
    const int64_t row = (line - image * g.oh) * g.sh - g.ph;
    float sum[kVector];
#pragma unroll
    for (int v = 0; v < kVector; ++v) sum[v] = bias != nullptr ? bias[c + v] : 0.0f;
    for (int64_t k = 0; k < g.kh; ++k) {
      const int64_t ih = row + k * g.dh;
      if (ih < 0 || ih >= g.h) continue;
      for (int64_t l = 0; l < g.kw; ++l) {
        const int64_t iw = column + l * g.dw;
        if (iw < 0 || iw >= g.w) continue;
        const auto values = cuda::load<kVector>(x + ((image * g.h + ih) * g.w + iw) * x_stride + c);
        const float* const of_tap = weight + (k * g.kw + l) * g.c + c;
#pragma unroll
        for (int v = 0; v < kVector; ++v) sum[v] += of_tap[v] * static_cast<float>(values.element[v]);
      }
    }
    cuda::Vector<T, kVector> result;
    if (residual != nullptr) {
      const auto more = cuda::load<kVector>(residual + pixel * residual_stride + c);
#pragma unroll
      for (int v = 0; v < kVector; ++v) sum[v] += static_cast<float>(more.element[v]);
    }
#pragma unroll
    for (int v = 0; v < kVector; ++v) result.element[v] = static_cast<T>(relu && sum[v] < 0 ? 0.0f : sum[v]);
    cuda::store(y + pixel * y_stride + c, result);
  }
};

template <int kVector, class T>
struct FilterGradient {
  Geometry g;
  int vectors;
  const float* weight;
  const T* gy;
  int64_t gy_stride;
  T* gx;
  int64_t gx_stride;

  __device__ void operator()(int64_t i) const {
    const int64_t pixel = i / vectors;
    const int c = static_cast<int>(i - pixel * vectors) * kVector;
    const int64_t line = pixel / g.w;
    const int64_t column = pixel - line * g.w + g.pw;
    const int64_t image = line / g.h;
    const int64_t row = line - image * g.h + g.ph;
    float sum[kVector] = {};
    for (int64_t k = 0; k < g.kh; ++k) {
      const int64_t down = row - k * g.dh;
      if (down < 0 || down % g.sh != 0 || down / g.sh >= g.oh) continue;
      for (int64_t l = 0; l < g.kw; ++l) {
        const int64_t right = column - l * g.dw;
        if (right < 0 || right % g.sw != 0 || right / g.sw >= g.ow) continue;
        const int64_t from = (image * g.oh + down / g.sh) * g.ow + right / g.sw;
        const auto values = cuda::load<kVector>(gy + from * gy_stride + c);
        const float* const of_tap = weight + (k * g.kw + l) * g.c + c;
#pragma unroll
        for (int v = 0; v < kVector; ++v) sum[v] += of_tap[v] * static_cast<float>(values.element[v]);
      }
    }
    cuda::Vector<T, kVector> result;
#pragma unroll
    for (int v = 0; v < kVector; ++v) result.element[v] = static_cast<T>(sum[v]);
    cuda::store(gx + pixel * gx_stride + c, result);
  }
};

// Sums over a piece of gy's rows for a tap and a channel: (pieces, taps, C).
template <class T>
struct SumTaps {
  Geometry g;
  int64_t piece;  // rows
  const T* gy;
  int64_t gy_stride;
  const T* x;
  int64_t x_stride;
  float* sums;

  __device__ void operator()(int64_t i) const {
    const int64_t c = i % g.c;
    const int64_t k = i / g.c % g.kernel_positions();
    const int64_t first = i / g.c / g.kernel_positions() * piece;
    const int64_t rows = g.n * g.oh;
    const int64_t end = first + piece < rows ? first + piece : rows;
    float sum = 0;
    for (int64_t row = first; row < end; ++row) {
      const int64_t ih = row % g.oh * g.sh - g.ph + k / g.kw * g.dh;
      if (ih < 0 || ih >= g.h) continue;
      for (int64_t column = 0; column < g.ow; ++column) {
        const int64_t iw = column * g.sw - g.pw + k % g.kw * g.dw;
        if (iw < 0 || iw >= g.w) continue;
        sum += static_cast<float>(gy[(row * g.ow + column) * gy_stride + c]) *
               static_cast<float>(x[((row / g.oh * g.h + ih) * g.w + iw) * x_stride + c]);
      }
    }
    sums[i] = sum;
  }
};
struct AddPieces {
  int64_t channels, taps, pieces;
  const float* sums;
  float* gweight;

  __device__ void operator()(int64_t i) const {
    double sum = 0;
    for (int64_t piece = 0; piece < pieces; ++piece)
      sum += static_cast<double>(sums[piece * channels * taps + i]);
    gweight[i % channels * taps + i / channels] = static_cast<float>(sum);
  }
};

Status require_depthwise(const Geometry& g) {
  if (g.depthwise() && g.c > 1) return {};
  return {ErrorCode::declined, "takes as many groups as channels"};
}

Prepared prepare_filter(const KernelRequest& request, bool batch_norm) {
  const Geometry g = geometry_of(request.attrs, request.inputs[kX], request.outputs[0]);
  GRAPHRUN_TRY(require_depthwise(g));
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    std::vector<TensorDesc> operands{request.inputs[kX], request.outputs[0]};
    if (batch_norm && request.input_present[kResidual]) operands.push_back(request.inputs[kResidual]);
    const int vector = operands.size() == 3 ? channel_vector({operands[0], operands[1], operands[2]})
                                            : channel_vector({operands[0], operands[1]});
    ScratchPlan scratch;
    const std::int64_t weight_at = scratch.add(g.kernel_positions() * g.c * 4);
    const std::int64_t bias_at = scratch.add(g.c * 4);
    const double eps = batch_norm ? request.attrs.real("eps") : 0;
    const bool relu = batch_norm && request.attrs.text("activation") == "relu";
    auto run = [&device = device_of(request), g, vector, weight_at, bias_at, eps, relu,
                batch_norm](const KernelRun& io) -> Status {
      auto* const weight = scratch_at<float>(io.scratch, weight_at);
      auto* const bias = scratch_at<float>(io.scratch, bias_at);
      const Fold fold = batch_norm ? fold_of(io.inputs, eps) : Fold();
      const TapsFirst form{g.c,
                           g.kernel_positions(),
                           io.inputs[kWeight].template as<const float>(),
                           io.inputs[kBias].template as<const float>(),
                           fold,
                           weight,
                           bias};
      GRAPHRUN_TRY(cuda::for_each(device.stream(), g.c, form, "depthwise weights"));
      const TensorView residual = batch_norm ? io.inputs[kResidual] : TensorView();
      return for_vector<T>(vector, [&]<int kVector>() {
        const Filter<kVector, T> filter{g,
                                        static_cast<int>(g.c / kVector),
                                        weight,
                                        bias,
                                        residual.template as<const T>(),
                                        residual.data != nullptr ? residual.desc.pixel_stride : 0,
                                        relu,
                                        io.inputs[kX].template as<const T>(),
                                        io.inputs[kX].desc.pixel_stride,
                                        io.outputs[0].template as<T>(),
                                        io.outputs[0].desc.pixel_stride};
        return cuda::for_each(device.stream(), g.n * g.oh * g.ow * filter.vectors, filter, "depthwise");
      });
    };
    return make_function_kernel("depthwise", scratch.bytes(), std::move(run));
  });
}

}  // namespace

Prepared prepare_depthwise(const KernelRequest& request) { return prepare_filter(request, false); }
Prepared prepare_depthwise_batch_norm(const KernelRequest& request) { return prepare_filter(request, true); }

Prepared prepare_depthwise_grad_data(const KernelRequest& request) {
  const Geometry g = geometry_of(request.attrs, request.outputs[0], request.inputs[0]);
  GRAPHRUN_TRY(require_depthwise(g));
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    auto run = [&device = device_of(request), g,
                vector =
                    channel_vector({request.inputs[0], request.outputs[0]})](const KernelRun& io) -> Status {
      auto* const weight = static_cast<float*>(io.scratch);
      const TapsFirst form{
          g.c, g.kernel_positions(), io.inputs[1].template as<const float>(), nullptr, {}, weight, nullptr};
      GRAPHRUN_TRY(cuda::for_each(device.stream(), g.c, form, "depthwise weights"));
      return for_vector<T>(vector, [&]<int kVector>() {
        const FilterGradient<kVector, T> filter{g,
                                                static_cast<int>(g.c / kVector),
                                                weight,
                                                io.inputs[0].template as<const T>(),
                                                io.inputs[0].desc.pixel_stride,
                                                io.outputs[0].template as<T>(),
                                                io.outputs[0].desc.pixel_stride};
        return cuda::for_each(device.stream(), g.n * g.h * g.w * filter.vectors, filter,
                              "depthwise gradient");
      });
    };
    return make_function_kernel("depthwise", g.kernel_positions() * g.c * 4, std::move(run));
  });
}

Prepared prepare_depthwise_grad_weight(const KernelRequest& request) {
  const TensorDesc& gy = request.inputs[0];
  const Geometry g = geometry_of(request.attrs, request.inputs[1], gy);
  GRAPHRUN_TRY(require_depthwise(g));
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    constexpr std::int64_t kPieces = 128;
    const std::int64_t rows = g.n * g.oh;
    const std::int64_t piece = (rows + kPieces - 1) / kPieces;
    const std::int64_t pieces = (rows + piece - 1) / piece;
    ScratchPlan scratch;
    const std::int64_t sums_at = scratch.add(pieces * g.kernel_positions() * g.c * 4);
    const std::int64_t bias_at = scratch.add(request.output_present[1] ? pixel_sum_bytes(gy) : 0);
    auto run = [&device = device_of(request), g, piece, pieces, sums_at,
                bias_at](const KernelRun& io) -> Status {
      const std::int64_t taps = g.kernel_positions();
      auto* const sums = scratch_at<float>(io.scratch, sums_at);
      if (io.outputs[0].data != nullptr) {
        const SumTaps<T> sum{g,
                             piece,
                             io.inputs[0].template as<const T>(),
                             io.inputs[0].desc.pixel_stride,
                             io.inputs[1].template as<const T>(),
                             io.inputs[1].desc.pixel_stride,
                             sums};
        GRAPHRUN_TRY(cuda::for_each(device.stream(), pieces * taps * g.c, sum, "depthwise sums"));
        const AddPieces add{g.c, taps, pieces, sums, io.outputs[0].template as<float>()};
        GRAPHRUN_TRY(cuda::for_each(device.stream(), taps * g.c, add, "depthwise gradient"));
      }
      if (io.outputs[1].data == nullptr) return {};
      return sum_over_pixels(device.stream(), io.inputs[0], scratch_at(io.scratch, bias_at),
                             io.outputs[1].template as<float>());
    };
    return make_function_kernel("depthwise", scratch.bytes(), std::move(run));
  });
}

}  // namespace graphrun::ops::conv2d::gpu
