#include <omp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <type_traits>
#include <vector>

#include "ops/common/copy_pixels.h"
#include "ops/common/interpolation.h"
#include "ops/common/sampling_tables.h"
#include "ops/conv2d/cpu_blend.h"
#include "ops/conv2d/definition.h"
#include "ops/conv2d/kernels.h"
#include "runtime/core/round_up.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/parallel.h"
#include "runtime/numeric/sampling.h"

// conv2d_bn_pyramid without the large concatenation. A level's pixels are multiplied by the weights of every
// tap at the level's own size (`tap maps`); an output pixel mixes those of its window as the interpolation
// would have mixed the pixels, taps outside of x being zero as in the padding. The convolution of x is added
// to that by oneDNN. Exact up to rounding, since both operations are linear.
namespace graphrun::ops::conv2d {
namespace {

struct Level {
  TensorDesc desc;
  std::int64_t first_channel = 0;   // in the weights
  numeric::Sampling rows, columns;  // from the level to x
  cpu::Convolution product;         // of all pixels with the weights of all taps
  std::int64_t weights_at = 0;      // bytes into the prepared form
  std::int64_t maps_at = 0;         // bytes into the scratch: (pixels of all images, taps, O)
};

std::int64_t weight_bytes(const Level& level) {
  return core::whole_lines(static_cast<std::int64_t>(level.product.weight.get_size()));
}

class Pyramid final : public Kernel {
 public:
  Pyramid(const KernelRequest& request, const Geometry& g, std::int64_t first_channel,
          std::vector<Level> levels, std::unique_ptr<Kernel> convolution, std::string key)
      : g_(g),
        first_channel_(first_channel),
        eps_(request.attrs.real("eps")),
        carry_(carries_rounding(request, g)),
        levels_(std::move(levels)),
        convolution_(std::move(convolution)),
        threads_(request.threads),
        key_(std::move(key)) {
    prepared_bytes_ = core::whole_lines(convolution_->packed_bytes());
    ScratchPlan scratch;
    convolution_at_ = scratch.add(convolution_->scratch_bytes());
    std::int64_t packed = 0, library = 0, widest = 0;
    for (Level& level : levels_) {
      level.weights_at = prepared_bytes_;
      prepared_bytes_ += weight_bytes(level);
      level.maps_at = scratch.add(level.desc.pixels() * row() * 4);
      if (!level.desc.contiguous()) {
        const std::int64_t bytes =
            level.desc.shape.count() * static_cast<std::int64_t>(size_of(level.desc.dtype));
        packed = std::max(packed, bytes);
      }
      library = std::max(library, level.product.primitive.scratch_bytes());
      widest = std::max(widest, level.desc.w());
    }
    packed_at_ = scratch.add(packed);
    library_at_ = scratch.add(library);
    blend_floats_ = (g_.kw * widest * g_.o + 15) / 16 * 16;
    blend_at_ = scratch.add(threads_ * blend_floats_ * 4);
    line_floats_ = (g_.ow * g_.o + 15) / 16 * 16;
    line_at_ = scratch.add(threads_ * line_floats_ * 4);
    scratch_bytes_ = scratch.bytes();
  }

  std::string_view name() const override { return "pyramid"; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::int64_t packed_bytes() const override { return prepared_bytes_; }
  std::string packed_key() const override { return key_; }
  Status pack_constants(std::span<const TensorView> inputs, void* packed) const override;
  Status run(const KernelRun& run) override;

 private:
  std::int64_t row() const { return g_.kernel_positions() * g_.o; }  // floats of a pixel's tap maps
  template <class W>
  Status prepare(std::span<const TensorView> inputs, void* packed) const;
  template <class W>
  Status prepare_level(const Level& level, const TensorView& weight, const FoldedBatchNorm& folded,
                       void* packed) const;
  Status make_maps(Level& level, const TensorView& pixels, const KernelRun& run);
  void blend_row(const Level& level, const float* maps, std::int64_t image, std::int64_t y, float* to) const;
  void add_blended(const Level& level, const float* blended, float* line) const;

  Geometry g_;                  // of x
  std::int64_t first_channel_;  // of x in the weights
  double eps_;
  bool carry_;  // rounding of weights, from tap to tap
  std::vector<Level> levels_;
  std::unique_ptr<Kernel> convolution_;                     // conv2d_bn of x, added to y
  std::array<TensorView, kLevels + 1> convolution_inputs_;  // of a run
  int threads_;
  std::string key_;
  std::int64_t prepared_bytes_ = 0, scratch_bytes_ = 0;
  std::int64_t convolution_at_ = 0, packed_at_ = 0, library_at_ = 0, blend_at_ = 0, line_at_ = 0;
  std::int64_t blend_floats_ = 0;  // of a thread's blended rows
  std::int64_t line_floats_ = 0;   // of a thread's row of y
};

Status Pyramid::pack_constants(std::span<const TensorView> inputs, void* packed) const {
  return inputs[kWeight].desc.dtype == DType::s8 ? prepare<std::int8_t>(inputs, packed)
                                                 : prepare<float>(inputs, packed);
}

template <class W>
Status Pyramid::prepare(std::span<const TensorView> inputs, void* packed) const {
  const TensorDesc& desc = inputs[kWeight].desc;
  const auto* const weight = inputs[kWeight].as<const W>();
  const std::int64_t all = desc.shape[1];
  const std::int64_t taps = g_.kernel_positions();
  const auto of_x = std::make_unique_for_overwrite<W[]>(static_cast<std::size_t>(g_.o * g_.c * taps));
  cpu::parallel_for(threads_, g_.o, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o)
      std::copy_n(weight + (o * all + first_channel_) * taps, g_.c * taps, of_x.get() + o * g_.c * taps);
  });
  std::vector<TensorView> views(inputs.begin(), inputs.begin() + kLevels);
  views[kWeight] = {TensorDesc::dense(desc.dtype, {g_.o, g_.c, g_.kh, g_.kw}),
                    of_x.get(),
                    {},
                    inputs[kWeight].channel_scales};
  views.emplace_back();
  GRAPHRUN_TRY(convolution_->pack_constants(views, packed));

  const FoldedBatchNorm folded(inputs, eps_);
  for (const Level& level : levels_) GRAPHRUN_TRY(prepare_level<W>(level, inputs[kWeight], folded, packed));
  return {};
}

template <class W>
Status Pyramid::prepare_level(const Level& level, const TensorView& weight, const FoldedBatchNorm& folded,
                              void* packed) const {
  const std::int64_t taps = g_.kernel_positions(), channels = level.desc.c(), all = weight.desc.shape[1];
  // (taps, O, channels), as the product's outputs and inputs are ordered.
  const auto dense = std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(row() * channels));
  cpu::parallel_for(threads_, g_.o, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) {
      const double of_weight =
          weight.channel_scales == nullptr ? 1.0 : static_cast<double>(weight.channel_scales[o]);
      const double scale = folded.scale(o) * of_weight;
      const W* const from = weight.as<const W>() + (o * all + level.first_channel) * taps;
      for (std::int64_t k = 0; k < taps; ++k) {
        float* const to = dense.get() + (k * g_.o + o) * channels;
        for (std::int64_t c = 0; c < channels; ++c)
          to[c] = static_cast<float>(static_cast<double>(from[c * taps + k]) * scale);
      }
      if (!carry_) continue;
      for (std::int64_t c = 0; c < channels; ++c)
        carry_rounding(dense.get() + o * channels + c, taps, g_.o * channels);
    }
  });
  GRAPHRUN_ASSIGN(const auto from, cpu::library_desc(TensorDesc::dense(DType::f32, {row(), channels, 1, 1})));
  GRAPHRUN_ASSIGN(cpu::Primitive reorder, cpu::make_reorder(from, level.product.weight, threads_));
  std::vector<double> scratch(static_cast<std::size_t>(reorder.scratch_bytes()) / sizeof(double) + 1);
  void* const data[] = {dense.get(), scratch_at(packed, level.weights_at)};
  return reorder.run(data, scratch.data());
}

// Every pixel of the level times the weights of every tap.
Status Pyramid::make_maps(Level& level, const TensorView& pixels, const KernelRun& run) {
  void* rows = pixels.data;
  if (!pixels.desc.contiguous()) {
    rows = scratch_at(run.scratch, packed_at_);
    copy_pixels(pixels.desc, pixels.data, pixels.desc.pixel_stride, rows, pixels.desc.c(), threads_);
  }
  void* const data[] = {rows, scratch_at(const_cast<void*>(run.packed), level.weights_at),
                        scratch_at(run.scratch, level.maps_at)};
  return level.product.primitive.run(data, scratch_at(run.scratch, library_at_));
}

// The tap maps that output row y of an image reads, mixed down to (kw, columns of the level, O).
void Pyramid::blend_row(const Level& level, const float* maps, std::int64_t image, std::int64_t y,
                        float* to) const {
  const std::int64_t width = level.desc.w();
  std::fill_n(to, g_.kw * width * g_.o, 0.0f);
  const auto add = [&](std::int64_t source, float weight, std::int64_t k) {
    if (weight == 0) return;
    const float* const line = maps + (image * level.desc.h() + source) * width * row() + k * g_.kw * g_.o;
    for (std::int64_t l = 0; l < g_.kw; ++l) {
      for (std::int64_t j = 0; j < width; ++j)
        accumulate(weight, line + j * row() + l * g_.o, g_.o, to + (l * width + j) * g_.o);
    }
  };
  for (std::int64_t k = 0; k < g_.kh; ++k) {
    const std::int64_t at = y * g_.sh - g_.ph + k * g_.dh;
    if (at < 0 || at >= g_.h) continue;
    const numeric::InterpolationWeights& tap = level.rows.taps[static_cast<std::size_t>(at)];
    add(tap.first, tap.first_weight, k);
    add(tap.second, tap.second_weight, k);
  }
}

void Pyramid::add_blended(const Level& level, const float* blended, float* line) const {
  const std::int64_t width = level.desc.w();
  for (std::int64_t x = 0; x < g_.ow; ++x, line += g_.o) {
    for (std::int64_t l = 0; l < g_.kw; ++l) {
      const std::int64_t at = x * g_.sw - g_.pw + l * g_.dw;
      if (at < 0 || at >= g_.w) continue;
      const numeric::InterpolationWeights& tap = level.columns.taps[static_cast<std::size_t>(at)];
      const float* const of_tap = blended + l * width * g_.o;
      accumulate_two(tap.first_weight, of_tap + tap.first * g_.o, tap.second_weight,
                     of_tap + tap.second * g_.o, g_.o, line);
    }
  }
}

Status Pyramid::run(const KernelRun& run) {
  for (std::size_t i = 0; i < levels_.size(); ++i)
    GRAPHRUN_TRY(make_maps(levels_[i], run.inputs[kLevels + i], run));
  const TensorView& y = run.outputs[0];
  cpu::parallel_for(threads_, g_.n * g_.oh, 1, [&](std::int64_t begin, std::int64_t end) {
    const int thread = omp_get_thread_num();
    auto* const blended = scratch_at<float>(run.scratch, blend_at_) + thread * blend_floats_;
    auto* const line = scratch_at<float>(run.scratch, line_at_) + thread * line_floats_;
    for (std::int64_t i = begin; i < end; ++i) {
      std::fill_n(line, g_.ow * g_.o, 0.0f);
      for (const Level& level : levels_) {
        blend_row(level, scratch_at<float>(run.scratch, level.maps_at), i / g_.oh, i % g_.oh, blended);
        add_blended(level, blended, line);
      }
      store_line(line, y, i);
    }
  });
  std::copy_n(run.inputs.begin(), kLevels, convolution_inputs_.begin());
  convolution_inputs_.back() = y;
  return convolution_->run(
      {convolution_inputs_, run.outputs, scratch_at(run.scratch, convolution_at_), run.packed});
}

}  // namespace

Prepared prepare_pyramid(const KernelRequest& request) {
  const bool eight_bits = request.inputs[kWeight].dtype == DType::s8;
  if (!eight_bits) {
    if (const Result<DType> type = activation_type(request); !type.ok()) return type.status();
  }
  const TensorDesc& x = request.inputs[kX];
  const Geometry g = geometry_of(request.attrs, x, request.outputs[0]);
  const numeric::Interpolation rule = interpolation_of(request.attrs);
  std::vector<Level> levels;
  std::string key = "pyramid";
  const auto place = static_cast<std::size_t>(request.attrs.integer("place"));
  std::int64_t channels = 0, first_channel = 0;
  for (const TensorDesc& desc : request.inputs.subspan(kLevels)) {
    if (levels.size() == place) channels += g.c;
    // A product of a level's size costs what the convolution at that size would.
    if (desc.pixels() * 2 > request.outputs[0].pixels())
      return {ErrorCode::declined, "a level is not much smaller than the result"};
    GRAPHRUN_TRY(take_sampling_tables(request, desc, x));
    GRAPHRUN_ASSIGN(cpu::Convolution product,
                    cpu::make_pixel_product(desc.dtype, desc.pixels(), desc.c(), g.o * g.kernel_positions(),
                                            request.threads));
    GRAPHRUN_ASSIGN(const std::string layout, cpu::layout_key(product.weight));
    key.append(" level ").append(std::to_string(desc.c())).append(" ").append(layout);
    levels.push_back({desc, channels, numeric::sampling(rule, desc.h(), x.h()),
                      numeric::sampling(rule, desc.w(), x.w()), std::move(product)});
    channels += desc.c();
    if (levels.size() == place) first_channel = channels;
  }
  std::vector<TensorDesc> inputs(request.inputs.begin(), request.inputs.begin() + kLevels);
  inputs[kWeight] = TensorDesc::dense(request.inputs[kWeight].dtype, {g.o, g.c, g.kh, g.kw});
  inputs.push_back(request.outputs[0]);
  std::vector<bool> present(request.input_present.begin(), request.input_present.begin() + kLevels);
  present.push_back(true);
  std::vector<bool> constant(request.input_constant.begin(), request.input_constant.begin() + kLevels);
  constant.push_back(false);
  const KernelRequest of_x{
      with_batch_norm_definition(), request.attrs, inputs,          request.outputs, present,
      request.output_present,       constant,      request.threads, nullptr,         request.tables};
  Prepared convolution = eight_bits ? prepare_batch_norm_eight_bits(of_x) : prepare_winograd(of_x);
  if (!convolution.ok() && !eight_bits) convolution = prepare_batch_norm(of_x);
  if (!convolution.ok()) return convolution;
  key.append(" x at ").append(std::to_string(first_channel)).append(" ").append((*convolution)->packed_key());
  return std::unique_ptr<Kernel>(std::make_unique<Pyramid>(request, g, first_channel, std::move(levels),
                                                           *std::move(convolution), std::move(key)));
}

}  // namespace graphrun::ops::conv2d
