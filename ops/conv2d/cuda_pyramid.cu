#include <string>
#include <vector>

#include "ops/common/compute_type.h"
#include "ops/common/cuda_kernel.cuh"
#include "ops/common/cuda_table.h"
#include "ops/common/interpolation.h"
#include "ops/common/sampling_tables.h"
#include "ops/common/scratch.h"
#include "ops/conv2d/cuda_engine.h"
#include "ops/conv2d/cuda_kernels.h"
#include "runtime/cuda/cublas.h"
#include "runtime/numeric/sampling.h"

// conv2d_bn_pyramid without the large concatenation. A level's pixels are multiplied by the weights of every
// tap at the level's own size (`maps`); an output pixel mixes those of its window as the interpolation would
// have mixed the pixels, taps outside of x being zero as in the padding. That is added to the convolution of
// x. Exact up to rounding, since both operations are linear.
namespace graphrun::ops::conv2d::gpu {
namespace {

using cuda::kThreads;

constexpr int kMaxLevels = 8;
constexpr int kChannels = 64;  // of a block
constexpr int kGroup = 4;      // channels of a thread
// Columns of all levels, times the columns of the window, that a block's shared memory holds.
constexpr int kMaxColumns = 48 * 1024 / (kChannels * static_cast<int>(sizeof(float)));

struct LevelMaps {
  const float* maps;                          // (N, h, w, taps, O)
  const numeric::InterpolationWeights* rows;  // of each row of x
  const numeric::InterpolationWeights* columns;
  int32_t h, w;
  int32_t first;  // among the columns of all levels
};

struct Blend {
  Geometry g;
  LevelMaps levels[kMaxLevels];
  int32_t count;  // of levels
  int32_t width;  // columns of all levels
  const float* bias;
  bool relu;
  int64_t from_stride, to_stride;
};

// The maps that output row y of an image reads, mixed down to (kw, columns of all levels, kChannels).
__device__ void blend_rows(const Blend& blend, int64_t image, int64_t y, int64_t first_channel,
                           float* blended) {
  const Geometry& g = blend.g;
  const auto kw = static_cast<int32_t>(g.kw);
  for (int32_t k = 0; k < blend.count; ++k) {
    const LevelMaps& level = blend.levels[k];
    for (int32_t i = threadIdx.x; i < kw * level.w * kChannels; i += kThreads) {
      const int32_t c = i % kChannels;
      const int32_t column = i / kChannels % level.w;
      const int32_t l = i / kChannels / level.w;
      const int64_t o = first_channel + c;
      float sum = 0;
      for (int64_t tap = 0; tap < g.kh && o < g.o; ++tap) {
        const int64_t at = y * g.sh - g.ph + tap * g.dh;
        if (at < 0 || at >= g.h) continue;
        const numeric::InterpolationWeights source = level.rows[at];
        const float* const map = level.maps + (tap * g.kw + l) * g.o + o;
        const int64_t pixel = image * level.h * level.w + column;
        const int64_t pitch = g.kernel_positions() * g.o;
        sum += source.first_weight * map[(pixel + source.first * level.w) * pitch];
        if (source.second_weight != 0)
          sum += source.second_weight * map[(pixel + source.second * level.w) * pitch];
      }
      blended[(l * blend.width + level.first + column) * kChannels + c] = sum;
    }
  }
}

// A block has kChannels channels of an output row. `from` and `to` may be the same.
template <class T, bool kWide>
__global__ void __launch_bounds__(kThreads) add_levels(const Blend blend, const T* from, T* to) {
  extern __shared__ float4 shared[];
  auto* const blended = reinterpret_cast<float*>(shared);
  const Geometry& g = blend.g;
  const int64_t chunks = (g.o + kChannels - 1) / kChannels;
  const int64_t row = blockIdx.x / chunks;  // of all images
  const int64_t first_channel = blockIdx.x % chunks * kChannels;
  blend_rows(blend, row / g.oh, row % g.oh, first_channel, blended);
  __syncthreads();
  constexpr int kGroups = kChannels / kGroup;
  for (int64_t i = threadIdx.x; i < g.ow * kGroups; i += kThreads) {
    const int64_t x = i / kGroups;
    const auto c = static_cast<int32_t>(i % kGroups) * kGroup;
    const int64_t o = first_channel + c;
    if (o >= g.o) continue;
    float sum[kGroup] = {};
    for (int32_t l = 0; l < g.kw; ++l) {
      const int64_t at = x * g.sw - g.pw + l * g.dw;
      if (at < 0 || at >= g.w) continue;
      for (int32_t k = 0; k < blend.count; ++k) {
        const LevelMaps& level = blend.levels[k];
        const numeric::InterpolationWeights source = level.columns[at];
        const float* const map = blended + (l * blend.width + level.first) * kChannels + c;
        const auto first = cuda::load<kGroup>(map + source.first * kChannels);
        const auto second = cuda::load<kGroup>(map + source.second * kChannels);
#pragma unroll
        for (int j = 0; j < kGroup; ++j)
          sum[j] += source.first_weight * first.element[j] + source.second_weight * second.element[j];
      }
    }
    const T* const read = from + (row * g.ow + x) * blend.from_stride + o;
    T* const write = to + (row * g.ow + x) * blend.to_stride + o;
    const auto finished = [&](float value, int j) {
      const float result = value + sum[j] + blend.bias[o + j];
      return static_cast<T>(blend.relu && result < 0 ? 0.0f : result);
    };
    if constexpr (kWide) {
      const auto values = cuda::load<kGroup>(read);
      cuda::Vector<T, kGroup> result;
#pragma unroll
      for (int j = 0; j < kGroup; ++j) result.element[j] = finished(static_cast<float>(values.element[j]), j);
      cuda::store(write, result);
    } else {
#pragma unroll
      for (int j = 0; j < kGroup; ++j) {
        if (o + j < g.o) write[j] = finished(static_cast<float>(read[j]), j);
      }
    }
  }
}

struct Level {
  TensorDesc desc;
  WeightLayout form;
  DeviceTable<numeric::InterpolationWeights> rows, columns;  // from the level to x
  std::int64_t weights_at = 0;  // bytes into the prepared form: (taps, O, channels)
  std::int64_t maps_at = 0;     // bytes into the scratch
};

template <class T>
class PyramidKernel final : public Kernel {
 public:
  PyramidKernel(const KernelRequest& request, const WeightLayout& form, std::vector<Level> levels,
                std::shared_ptr<const Engine> engine)
      : device_(device_of(request)),
        g_(geometry_of(request.attrs, request.inputs[kX], request.outputs[0])),
        type_(request.outputs[0].dtype),
        eps_(request.attrs.real("eps")),
        relu_(request.attrs.text("activation") == "relu"),
        form_(form),
        levels_(std::move(levels)),
        engine_(std::move(engine)),
        pack_x_(!fits(request.inputs[kX], type_)),
        apart_(!fits(request.outputs[0], type_)) {
    const auto size = static_cast<std::int64_t>(sizeof(T));
    ScratchPlan packed, scratch;
    packed.add(form_.form_outputs * form_.taps * form_.form_channels * size);
    for (Level& level : levels_) {
      level.weights_at = packed.add(level.form.outputs * level.form.taps * level.form.channels * size);
      level.maps_at = scratch.add(level.desc.pixels() * g_.kernel_positions() * g_.o * 4);
    }
    bias_at_ = packed.add(g_.o * 4);
    prepared_bytes_ = packed.bytes();
    if (pack_x_) x_at_ = scratch.add(filled_bytes(request.inputs[kX], type_));
    if (apart_) y_at_ = scratch.add(filled_bytes(request.outputs[0], type_));
    workspace_at_ = scratch.add(engine_->workspace_bytes());
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return "pyramid"; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::int64_t packed_bytes() const override { return prepared_bytes_; }
  std::string packed_key() const override {
    std::string key = "cuda pyramid " + std::string(to_string(type_)) + " " + fold_key(eps_);
    key.append(" ").append(std::to_string(form_.channels));
    for (const Level& level : levels_) key.append(" ").append(std::to_string(level.form.channels));
    return key;
  }
  Status pack_constants(std::span<const TensorView> inputs, void* packed) const override;
  Status run(const KernelRun& run) override;

 private:
  Status add_to(const KernelRun& run, const T* from, std::int64_t from_stride);

  cuda::Device& device_;
  Geometry g_;  // of x
  DType type_;
  double eps_;
  bool relu_;
  WeightLayout form_;
  std::vector<Level> levels_;
  std::shared_ptr<const Engine> engine_;  // the convolution of x
  bool pack_x_, apart_;
  std::int64_t bias_at_ = 0, prepared_bytes_ = 0;
  std::int64_t x_at_ = 0, y_at_ = 0, workspace_at_ = 0, scratch_bytes_ = 0;
};

template <class T>
Status PyramidKernel<T>::pack_constants(std::span<const TensorView> inputs, void* packed) const {
  const cudaStream_t stream = device_.stream();
  const Fold fold = fold_of(inputs, eps_);
  const auto* const weight = inputs[kWeight].as<const float>();
  GRAPHRUN_TRY(pack_weights(stream, form_, fold, weight, type_, packed));
  for (const Level& level : levels_) {
    GRAPHRUN_TRY(pack_weights(stream, level.form, fold, weight, type_, scratch_at(packed, level.weights_at)));
  }
  return pack_bias(stream, fold, inputs[kBias].as<const float>(), g_.o, scratch_at<float>(packed, bias_at_),
                   nullptr);
}

template <class T>
Status PyramidKernel<T>::run(const KernelRun& run) {
  auto* const form = const_cast<void*>(run.packed);
  // Every pixel of a level times the weights of every tap.
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    const Level& level = levels_[i];
    const std::int64_t columns = g_.kernel_positions() * g_.o;
    GRAPHRUN_TRY(cuda::multiply(device_, {level.desc.pixels(), columns, level.desc.c(), type_, DType::f32},
                                {run.inputs[kLevels + i].data, level.desc.pixel_stride},
                                {scratch_at(form, level.weights_at), level.desc.c(), true},
                                {scratch_at(run.scratch, level.maps_at), columns}));
  }
  const TensorView& x = run.inputs[kX];
  const TensorView& y = run.outputs[0];
  Operands operands;
  operands.x = x.data;
  operands.weight = form;
  operands.y = apart_ ? scratch_at(run.scratch, y_at_) : y.data;
  operands.workspace = scratch_at(run.scratch, workspace_at_);
  if (pack_x_) {
    operands.x = scratch_at(run.scratch, x_at_);
    GRAPHRUN_TRY(pack_pixels(device_.stream(), x, form_.form_channels, type_, operands.x));
  }
  GRAPHRUN_TRY(engine_->run(operands));
  return add_to(run, static_cast<const T*>(operands.y), apart_ ? form_.form_outputs : y.desc.pixel_stride);
}

template <class T>
Status PyramidKernel<T>::add_to(const KernelRun& run, const T* from, std::int64_t from_stride) {
  const TensorView& y = run.outputs[0];
  Blend blend{};
  blend.g = g_;
  blend.bias = scratch_at<const float>(const_cast<void*>(run.packed), bias_at_);
  blend.relu = relu_;
  blend.from_stride = from_stride;
  blend.to_stride = y.desc.pixel_stride;
  for (const Level& level : levels_) {
    const auto width = static_cast<std::int32_t>(level.desc.w());
    blend.levels[blend.count++] = {scratch_at<const float>(run.scratch, level.maps_at),
                                   level.rows.data(),
                                   level.columns.data(),
                                   static_cast<std::int32_t>(level.desc.h()),
                                   width,
                                   blend.width};
    blend.width += width;
  }
  const auto shared = static_cast<std::size_t>(g_.kw * blend.width * kChannels) * sizeof(float);
  const auto blocks = static_cast<unsigned>(g_.n * g_.oh * ((g_.o + kChannels - 1) / kChannels));
  const bool wide = g_.o % kGroup == 0 && blend.from_stride % kGroup == 0 && blend.to_stride % kGroup == 0;
  if (wide) {
    add_levels<T, true><<<blocks, kThreads, shared, device_.stream()>>>(blend, from, y.as<T>());
  } else {
    add_levels<T, false><<<blocks, kThreads, shared, device_.stream()>>>(blend, from, y.as<T>());
  }
  return cuda::check_launch("levels of a pyramid");
}

}  // namespace

Prepared prepare_pyramid(const KernelRequest& request) {
  GRAPHRUN_TRY(require_constants(request));
  const TensorDesc& x = request.inputs[kX];
  const TensorDesc& y = request.outputs[0];
  Geometry g = geometry_of(request.attrs, x, y);
  GRAPHRUN_TRY(require_taps(g.kernel_positions()));
  const auto levels_in = request.inputs.subspan(kLevels);
  if (levels_in.size() > kMaxLevels) return {ErrorCode::declined, "there are too many levels"};
  const std::int64_t all = request.inputs[kWeight].shape[1];
  std::int64_t columns = 0;
  for (const TensorDesc& desc : levels_in) {
    // A product of a level's size costs what the convolution at that size would.
    if (desc.pixels() * 2 > y.pixels())
      return {ErrorCode::declined, "a level is not much smaller than the result"};
    columns += desc.w();
  }
  if (columns * g.kw > kMaxColumns) return {ErrorCode::declined, "the levels have too many columns"};
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    cuda::Device& device = device_of(request);
    WeightLayout form =
        weight_form(g.o, g.c, g.kernel_positions(), filled(g.o, y.dtype), filled(g.c, y.dtype));
    form.all_channels = all;
    const numeric::Interpolation rule = interpolation_of(request.attrs);
    std::vector<Level> levels;
    const auto place = static_cast<std::size_t>(request.attrs.integer("place"));
    std::int64_t first = 0;
    for (const TensorDesc& desc : levels_in) {
      if (levels.size() == place) first += g.c;
      const WeightLayout of_level{g.o,      desc.c(), g.kernel_positions(), all, first, g.o,
                                  desc.c(), desc.c(), g.o * desc.c()};
      GRAPHRUN_TRY(take_sampling_tables(request, desc, x));
      GRAPHRUN_ASSIGN(auto rows, DeviceTable<numeric::InterpolationWeights>::upload(
                                     device, numeric::sampling(rule, desc.h(), x.h()).taps));
      GRAPHRUN_ASSIGN(auto of_columns, DeviceTable<numeric::InterpolationWeights>::upload(
                                           device, numeric::sampling(rule, desc.w(), x.w()).taps));
      levels.push_back({desc, of_level, std::move(rows), std::move(of_columns)});
      first += desc.c();
      if (levels.size() == place) form.first_channel = first;
    }
    g.c = form.form_channels;
    g.o = form.form_outputs;
    GRAPHRUN_ASSIGN(std::shared_ptr<const Engine> engine,
                    choose_engine(device, {cuda::dnn::Convolution::forward, g, y.dtype}));
    return std::unique_ptr<Kernel>(
        std::make_unique<PyramidKernel<T>>(request, form, std::move(levels), std::move(engine)));
  });
}

}  // namespace graphrun::ops::conv2d::gpu
