#include "ops/batch_norm/body.h"
#include "ops/batch_norm/channel_sums.h"
#include "ops/batch_norm/cpu_kernels.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::batch_norm {
namespace {

// How the gradient before the activation is found.
enum class Mask { none, from_x, from_y };

template <class T>
struct Forward {
  const T* gy;
  const T* x;
  const T* y;  // Mask::from_y only
  std::int64_t gy_stride;
  std::int64_t x_stride;
  std::int64_t y_stride;
  std::int64_t channels;
  const float* mean;
  const float* scale;
  const float* bias;
};

// Channel c; y is read at `at`.
template <Mask kMask, class T>
[[gnu::always_inline]] inline float before_activation(float gy, float x, const T* y, std::int64_t at,
                                                      const Forward<T>& args, std::int64_t c) {
  if constexpr (kMask == Mask::none) return gy;
  if constexpr (kMask == Mask::from_x)
    return relu_mask(gy, normalise(x, args.mean[c], args.scale[c], args.bias[c]));
  if constexpr (kMask == Mask::from_y) return relu_mask(gy, static_cast<float>(y[at]));
}

// Adds kGroup pixels' gz and gz * (x - mean).
template <Mask kMask, std::int64_t kGroup, class T>
[[gnu::always_inline]] inline void add_group(const Forward<T>& args, std::int64_t pixel, float* sum,
                                             float* product) {
  const Forward<T> a = args;
  const T* const gy = a.gy + pixel * a.gy_stride;
  const T* const x = a.x + pixel * a.x_stride;
  const T* const y = kMask == Mask::from_y ? a.y + pixel * a.y_stride : nullptr;
#pragma GCC ivdep
  for (std::int64_t c = 0; c < a.channels; ++c) {
    float part = 0;
    float part_product = 0;
#pragma GCC unroll 8
    for (std::int64_t row = 0; row < kGroup; ++row) {
      const auto value = static_cast<float>(x[row * a.x_stride + c]);
      const float gz = before_activation<kMask>(static_cast<float>(gy[row * a.gy_stride + c]), value, y,
                                                row * a.y_stride + c, a, c);
      part += gz;
      part_product += gz * (value - a.mean[c]);
    }
    sum[c] += part;
    product[c] += part_product;
  }
}

template <Mask kMask, class T>
[[gnu::always_inline]] inline void sum_loop(const Forward<T>& args, std::int64_t begin, std::int64_t end,
                                            float* sum, float* product) {
  constexpr std::int64_t kGroup = 8;
  std::int64_t pixel = begin;
  for (; pixel + kGroup <= end; pixel += kGroup) add_group<kMask, kGroup>(args, pixel, sum, product);
  for (; pixel < end; ++pixel) add_group<kMask, 1>(args, pixel, sum, product);
}

template <class T>
GRAPHRUN_SIMD void sum_plain(const Forward<T>& args, std::int64_t begin, std::int64_t end, float* sum,
                             float* product) {
  sum_loop<Mask::none>(args, begin, end, sum, product);
}
template <class T>
GRAPHRUN_SIMD void sum_from_x(const Forward<T>& args, std::int64_t begin, std::int64_t end, float* sum,
                              float* product) {
  sum_loop<Mask::from_x>(args, begin, end, sum, product);
}
template <class T>
GRAPHRUN_SIMD void sum_from_y(const Forward<T>& args, std::int64_t begin, std::int64_t end, float* sum,
                              float* product) {
  sum_loop<Mask::from_y>(args, begin, end, sum, product);
}

template <class T>
struct Backward {
  Forward<T> forward;
  const float* mean_gz;
  const float* slope;
  T* gx;         // null: unwanted; may be gy
  T* gresidual;  // null: unwanted; may be gy
  std::int64_t gx_stride;
  std::int64_t gresidual_stride;
};

template <Mask kMask, bool kInput, bool kResidual, class T>
[[gnu::always_inline]] inline void gradient_loop(const Backward<T>& args, std::int64_t begin,
                                                 std::int64_t end) {
  const Backward<T> b = args;
  const Forward<T>& a = b.forward;
  for (std::int64_t pixel = begin; pixel < end; ++pixel) {
    const T* const gy = a.gy + pixel * a.gy_stride;
    const T* const x = a.x + pixel * a.x_stride;
    const T* const y = kMask == Mask::from_y ? a.y + pixel * a.y_stride : nullptr;
    T* const gx = kInput ? b.gx + pixel * b.gx_stride : nullptr;
    T* const gresidual = kResidual ? b.gresidual + pixel * b.gresidual_stride : nullptr;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < a.channels; ++c) {
      const auto value = static_cast<float>(x[c]);
      const float gz = before_activation<kMask>(static_cast<float>(gy[c]), value, y, c, a, c);
      if (kInput) {
        gx[c] = static_cast<T>(input_gradient(gz, value, a.mean[c], a.scale[c], b.mean_gz[c], b.slope[c]));
      }
      if (kResidual) gresidual[c] = static_cast<T>(gz);
    }
  }
}

template <Mask kMask, class T>
[[gnu::always_inline]] inline void gradient_of(const Backward<T>& args, std::int64_t begin,
                                               std::int64_t end) {
  if (args.gx == nullptr) return gradient_loop<kMask, false, true>(args, begin, end);
  if (args.gresidual == nullptr) return gradient_loop<kMask, true, false>(args, begin, end);
  gradient_loop<kMask, true, true>(args, begin, end);
}

template <class T>
GRAPHRUN_SIMD void gradient_plain(const Backward<T>& args, std::int64_t begin, std::int64_t end) {
  gradient_of<Mask::none>(args, begin, end);
}
template <class T>
GRAPHRUN_SIMD void gradient_from_x(const Backward<T>& args, std::int64_t begin, std::int64_t end) {
  gradient_of<Mask::from_x>(args, begin, end);
}
template <class T>
GRAPHRUN_SIMD void gradient_from_y(const Backward<T>& args, std::int64_t begin, std::int64_t end) {
  gradient_of<Mask::from_y>(args, begin, end);
}

// The inputs that both ops have, from number `first` on: x, mean, inv_std, weight, bias, y.
template <class T>
struct Binding {
  Forward<T> form{};
  Mask mask = Mask::none;
  std::size_t first = 1;

  // `scale` takes C elements.
  Forward<T> bind(const KernelRun& io, float* scale) const {
    Forward<T> bound = form;
    bound.gy = io.inputs[0].as<const T>();
    bound.x = io.inputs[first].as<const T>();
    bound.y = mask == Mask::from_y ? io.inputs[first + 5].as<const T>() : nullptr;
    bound.mean = io.inputs[first + 1].as<const float>();
    bound.bias = io.inputs[first + 4].as<const float>();
    const float* const inv_std = io.inputs[first + 2].as<const float>();
    const float* const weight = io.inputs[first + 3].as<const float>();
    for (std::int64_t c = 0; c < form.channels; ++c) scale[c] = inv_std[c] * weight[c];
    bound.scale = scale;
    return bound;
  }
};

template <class T>
Binding<T> binding_of(const KernelRequest& request, std::size_t first) {
  Binding<T> binding;
  binding.first = first;
  const std::size_t y = first + 5;
  const bool has_y = request.input_present[y];
  if (request.attrs.text("activation") == "relu") binding.mask = has_y ? Mask::from_y : Mask::from_x;
  binding.form.gy_stride = request.inputs[0].pixel_stride;
  binding.form.x_stride = request.inputs[first].pixel_stride;
  binding.form.y_stride = has_y ? request.inputs[y].pixel_stride : 0;
  binding.form.channels = request.inputs[first].c();
  return binding;
}

template <class Function>
Function choose(Mask mask, Function plain, Function from_x, Function from_y) {
  return mask == Mask::none ? plain : mask == Mask::from_x ? from_x : from_y;
}

template <class T>
Result<std::unique_ptr<Kernel>> prepare_sums(const KernelRequest& request) {
  const Binding<T> binding = binding_of<T>(request, 1);
  const std::int64_t pixels = request.inputs[1].pixels();
  const std::int64_t channels = binding.form.channels;
  const ChannelSums sums(pixels, channels);
  auto* const loop = choose(binding.mask, sum_plain<T>, sum_from_x<T>, sum_from_y<T>);
  const auto run = [binding, pixels, channels, sums, loop, threads = request.threads](const KernelRun& io) {
    float* const scale = reinterpret_cast<float*>(static_cast<char*>(io.scratch) + sums.scratch_bytes());
    const Forward<T> args = binding.bind(io, scale);
    sums.accumulate(threads, io.scratch,
                    [&](std::int64_t, std::int64_t begin, std::int64_t end, float* sum, float* product) {
                      loop(args, begin, end, sum, product);
                    });
    double* const out = io.outputs[0].as<double>();
    std::fill_n(out, channels, static_cast<double>(pixels));
    std::fill_n(out + channels, 2 * channels, 0.0);
    for (std::int64_t piece = 0; piece < sums.pieces(); ++piece) {
      const double* const part = sums.of_piece(io.scratch, piece);
      for (std::int64_t i = 0; i < 2 * channels; ++i) out[channels + i] += part[i];
    }
    const float* const inv_std = io.inputs[3].as<const float>();
    for (std::int64_t c = 0; c < channels; ++c) out[2 * channels + c] *= static_cast<double>(inv_std[c]);
    for (std::int64_t which = 0; which < 2; ++which) {
      const TensorView& gradient = io.outputs[static_cast<std::size_t>(1 + which)];
      if (gradient.data == nullptr) continue;
      const double* const from = out + (2 - which) * channels;
      for (std::int64_t c = 0; c < channels; ++c) gradient.as<float>()[c] = static_cast<float>(from[c]);
    }
  };
  const std::int64_t scale_bytes = channels * static_cast<std::int64_t>(sizeof(float));
  return make_function_kernel("bn_grad_sums", sums.scratch_bytes() + scale_bytes, run);
}

template <class T>
Result<std::unique_ptr<Kernel>> prepare_apply(const KernelRequest& request) {
  const Binding<T> binding = binding_of<T>(request, 2);
  const std::int64_t channels = binding.form.channels;
  Backward<T> form{};
  form.gx_stride = request.output_present[0] ? request.outputs[0].pixel_stride : 0;
  form.gresidual_stride = request.output_present[1] ? request.outputs[1].pixel_stride : 0;
  auto* const loop = choose(binding.mask, gradient_plain<T>, gradient_from_x<T>, gradient_from_y<T>);
  const auto run = [binding, form, channels, loop, pixels = request.inputs[2].pixels(),
                    threads = request.threads](const KernelRun& io) {
    float* const scale = static_cast<float*>(io.scratch);
    float* const mean_gz = scale + channels;
    float* const slope = mean_gz + channels;
    const double* const sums = io.inputs[1].as<const double>();
    const float* const inv_std = io.inputs[4].as<const float>();
    for (std::int64_t c = 0; c < channels; ++c) {
      const double mean_product = sums[2 * channels + c] / sums[c];
      mean_gz[c] = static_cast<float>(sums[channels + c] / sums[c]);
      slope[c] = static_cast<float>(mean_product * static_cast<double>(inv_std[c]));
    }
    Backward<T> bound = form;
    bound.forward = binding.bind(io, scale);
    bound.mean_gz = mean_gz;
    bound.slope = slope;
    bound.gx = io.outputs[0].as<T>();
    bound.gresidual = io.outputs[1].as<T>();
    cpu::parallel_for(threads, pixels, pixel_grain(channels),
                      [&](std::int64_t begin, std::int64_t end) { loop(bound, begin, end); });
  };
  return make_function_kernel("bn_grad_apply", 3 * channels * static_cast<std::int64_t>(sizeof(float)), run);
}

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_grad_sums(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) { return prepare_sums<T>(request); });
}
Result<std::unique_ptr<Kernel>> prepare_grad_apply(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) { return prepare_apply<T>(request); });
}

}  // namespace graphrun::ops::batch_norm
