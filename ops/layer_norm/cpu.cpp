#include <algorithm>
#include <cmath>

#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/scratch.h"
#include "ops/layer_norm/body.h"
#include "runtime/cpu/lanes.h"

namespace graphrun::ops::layer_norm {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class T>
Prepared prepare_forward(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  using Body = LayerNorm<T>;
  Body body{};
  body.channels = x.c();
  body.eps = static_cast<float>(request.attrs.real("eps"));
  body.x_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  const auto bind = [](Body& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const T>();
    to.weight = run.inputs[1].as<const float>();
    to.bias = run.inputs[2].as<const float>();
    to.y = run.outputs[0].as<T>();
  };
  return make_body_kernel("layer_norm", body, bind, x.pixels(), 3 * x.c(), request.threads);
}

constexpr std::int64_t kPaired = cpu::LanePairs::kChannels;

// Pixels of bf16; weights and biases lie as LanePairs have them.
struct Halves {
  std::int64_t channels;
  float eps;
  std::int64_t x_stride, y_stride;
  const BFloat16* x;
  const float* weight;
  const float* bias;
  BFloat16* y;

  void operator()(std::int64_t pixel) const {
    const BFloat16* const from = x + pixel * x_stride;
    cpu::LanePairs value, scale, shift;
    cpu::Lanes<16> sum{}, squares{};
    for (std::int64_t c = 0; c < channels; c += kPaired) {
      cpu::LanePairs::load(from + c, value);
      sum.value += value.even.value + value.odd.value;
    }
    const auto count = static_cast<double>(channels);
    const auto mean = static_cast<float>(total(sum) / count);
    for (std::int64_t c = 0; c < channels; c += kPaired) {
      cpu::LanePairs::load(from + c, value);
      value.even.value -= mean;
      value.odd.value -= mean;
      squares.value += value.even.value * value.even.value + value.odd.value * value.odd.value;
    }
    const auto inv_std =
        static_cast<float>(1.0 / std::sqrt(total(squares) / count + static_cast<double>(eps)));
    for (std::int64_t c = 0; c < channels; c += kPaired) {
      cpu::LanePairs::load(from + c, value);
      cpu::LanePairs::load(weight + c, scale);
      cpu::LanePairs::load(bias + c, shift);
      value.even.value = (value.even.value - mean) * inv_std * scale.even.value + shift.even.value;
      value.odd.value = (value.odd.value - mean) * inv_std * scale.odd.value + shift.odd.value;
      cpu::LanePairs::store(value, y + pixel * y_stride + c);
    }
  }

 private:
  // Partial sums of f32 are added in f64, as the body does it.
  static double total(const cpu::Lanes<16>& sum) {
    float part[16];
    cpu::Lanes<16>::store(sum, part);
    double quarters[4] = {};
    for (int i = 0; i < 16; ++i) quarters[i % 4] += static_cast<double>(part[i]);
    return (quarters[0] + quarters[1]) + (quarters[2] + quarters[3]);
  }
};

Prepared prepare_halves(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  if (x.dtype != DType::bf16 || y.dtype != DType::bf16 || x.c() % kPaired != 0)
    return {ErrorCode::declined, "takes channels of bf16 by 32"};
  Halves form{};
  form.channels = x.c();
  form.eps = static_cast<float>(request.attrs.real("eps"));
  form.x_stride = x.pixel_stride;
  form.y_stride = y.pixel_stride;
  const std::int64_t channels = x.c(), pixels = x.pixels();
  const std::int64_t grain = std::max<std::int64_t>(1, 32768 / (3 * channels));
  ScratchPlan scratch;
  const std::int64_t weight_at = scratch.add(channels * 4), bias_at = scratch.add(channels * 4);
  const auto normalise = [=, threads = request.threads](const KernelRun& run) {
    Halves body = form;
    auto* const weight = scratch_at<float>(run.scratch, weight_at);
    auto* const bias = scratch_at<float>(run.scratch, bias_at);
    std::copy_n(run.inputs[1].as<const float>(), channels, weight);
    std::copy_n(run.inputs[2].as<const float>(), channels, bias);
    for (float* numbers : {weight, bias}) cpu::LanePairs::arrange(numbers, channels);
    body.weight = weight;
    body.bias = bias;
    body.x = run.inputs[0].as<const BFloat16>();
    body.y = run.outputs[0].as<BFloat16>();
    cpu::parallel_for(threads, pixels, grain,
                      [&](std::int64_t begin, std::int64_t end) { body_loop(body, begin, end); });
  };
  return make_function_kernel("layer_norm", scratch.bytes(), normalise);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"layer_norm", "halves", prepare_halves},
          {"layer_norm", "layer_norm", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::layer_norm
