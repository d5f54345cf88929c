#include "ops/conv2d/cpu_depthwise.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>

#include "ops/common/compute_type.h"
#include "runtime/cpu/lanes.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

// Forward and gradient by x are one loop: a result is a sum over the taps of its window of weight times
// source, channel by channel. What differs is which source pixel a tap means, and that is written down when
// the kernel is made (Reads, one table for rows and one for columns). In the gradient a tap reads the y to
// whose window the pixel belongs, which with a stride above 1 is none for most taps.
//
// A task computes some rows of the result. In a row, runs of four neighbours that have all their taps are
// computed together, with one load of each weight for the four; pixels near the border, and those of a
// gradient with stride, one by one from the table. Channels are the lanes. Weights lie taps first, (KH KW,
// C), so that a tap's weights are contiguous like a pixel; batch norm is folded into them where it follows.
// The sum over taps is in f32 and in the order of the taps, so bits do not depend on threads.
namespace graphrun::ops::conv2d {
namespace depthwise {

Reads forward_reads(const Window& window, std::int64_t in, std::int64_t out) {
  Reads reads;
  for (std::int64_t i = 0; i < out; ++i) {
    reads.begin.push_back(static_cast<std::int32_t>(reads.taps.size()));
    for (std::int64_t k = 0; k < window.taps; ++k) {
      const std::int64_t source = i * window.stride - window.padding + k * window.dilation;
      if (source >= 0 && source < in)
        reads.taps.push_back({static_cast<std::int32_t>(k), static_cast<std::int32_t>(source)});
    }
  }
  reads.begin.push_back(static_cast<std::int32_t>(reads.taps.size()));
  reads.step = window.stride;
  reads.offset = -window.padding;
  reads.spacing = window.dilation;
  const std::int64_t reach = (window.taps - 1) * window.dilation;
  reads.first_whole = std::min(out, (window.padding + window.stride - 1) / window.stride);
  const std::int64_t last = in - 1 - reach + window.padding;  // position of the last whole window
  reads.end_whole = last < 0 ? 0 : std::min(out, last / window.stride + 1);
  return reads;
}

Reads gradient_reads(const Window& window, std::int64_t in, std::int64_t out) {
  Reads reads;
  for (std::int64_t i = 0; i < in; ++i) {
    reads.begin.push_back(static_cast<std::int32_t>(reads.taps.size()));
    for (std::int64_t k = 0; k < window.taps; ++k) {
      const std::int64_t position = i + window.padding - k * window.dilation;
      if (position < 0 || position % window.stride != 0 || position / window.stride >= out) continue;
      reads.taps.push_back(
          {static_cast<std::int32_t>(k), static_cast<std::int32_t>(position / window.stride)});
    }
  }
  reads.begin.push_back(static_cast<std::int32_t>(reads.taps.size()));
  if (window.stride > 1) return reads;  // no pixel is read by all taps
  reads.step = 1;
  reads.offset = window.padding;
  reads.spacing = -window.dilation;
  const std::int64_t reach = (window.taps - 1) * window.dilation;
  reads.first_whole = std::clamp<std::int64_t>(reach - window.padding, 0, in);
  reads.end_whole = std::clamp<std::int64_t>(out - window.padding, 0, in);
  return reads;
}

void taps_first(const float* from, std::int64_t channels, std::int64_t taps, float* to) {
  for (std::int64_t k = 0; k < taps; ++k) {
    for (std::int64_t c = 0; c < channels; ++c) to[k * channels + c] = from[c * taps + k];
  }
}

}  // namespace depthwise

namespace {

using cpu::LanePairs;
using cpu::Lanes;
using depthwise::Reads;

constexpr std::int64_t kPaired = LanePairs::kChannels;

// One row of the result.
template <class T>
struct Row {
  std::int64_t channels;
  std::int64_t kernel_width;
  const float* weight;  // (taps, channels)
  const float* bias;    // null: none
  bool relu;
  const T* image;  // of the source
  std::int64_t image_row, source_stride;
  const Reads::Tap* rows;
  std::int64_t row_count;
  const Reads* columns;
  const T* residual;  // null: none
  std::int64_t residual_stride;
  T* to;
  std::int64_t to_stride;

  const T* source_row(std::int64_t r) const { return image + rows[r].source * image_row; }
  const float* weight_row(std::int64_t r) const { return weight + rows[r].tap * kernel_width * channels; }
};

// Arithmetic of channels that are computed together: Lanes, or LanePairs where bf16 has 32 of them.
template <int kLanes>
[[gnu::always_inline]] inline void multiply_add(const Lanes<kLanes>& a, const Lanes<kLanes>& b,
                                                Lanes<kLanes>& sum) {
  sum.value += a.value * b.value;
}
template <int kLanes>
[[gnu::always_inline]] inline void add(const Lanes<kLanes>& a, Lanes<kLanes>& sum) {
  sum.value += a.value;
}
template <int kLanes>
[[gnu::always_inline]] inline void rectify(Lanes<kLanes>& sum) {
  sum.value = sum.value < 0.0f ? Lanes<kLanes>().value : sum.value;
}
[[gnu::always_inline]] inline void multiply_add(const LanePairs& a, const LanePairs& b, LanePairs& sum) {
  multiply_add(a.even, b.even, sum.even);
  multiply_add(a.odd, b.odd, sum.odd);
}
[[gnu::always_inline]] inline void add(const LanePairs& a, LanePairs& sum) {
  add(a.even, sum.even);
  add(a.odd, sum.odd);
}
[[gnu::always_inline]] inline void rectify(LanePairs& sum) {
  rectify(sum.even);
  rectify(sum.odd);
}

template <class L, class T>
[[gnu::always_inline]] inline void finish(const Row<T>& row, std::int64_t x, std::int64_t c, L& sum) {
  if (row.residual != nullptr) {
    L residual;
    L::load(row.residual + x * row.residual_stride + c, residual);
    add(residual, sum);
  }
  if (row.relu) rectify(sum);
  L::store(sum, row.to + x * row.to_stride + c);
}

template <class L, class T>
[[gnu::always_inline]] inline void begin(const Row<T>& row, std::int64_t c, L& sum) {
  sum = L{};
  if (row.bias != nullptr) L::load(row.bias + c, sum);
}

// A pixel that reads any taps.
template <class L, class T>
[[gnu::always_inline]] inline void one_pixel(const Row<T>& row, std::int64_t x, std::int64_t c) {
  L sum, weight, value;
  begin(row, c, sum);
  const Reads::Tap* const columns = row.columns->of(x);
  const std::int64_t count = row.columns->count(x);
  for (std::int64_t r = 0; r < row.row_count; ++r) {
    const T* const source = row.source_row(r) + c;
    const float* const weights = row.weight_row(r) + c;
    for (std::int64_t k = 0; k < count; ++k) {
      L::load(weights + columns[k].tap * row.channels, weight);
      L::load(source + columns[k].source * row.source_stride, value);
      multiply_add(weight, value, sum);
    }
  }
  finish(row, x, c, sum);
}

// Four neighbours that read all taps of their rows, so that a weight is loaded once for all of them.
template <class L, class T>
[[gnu::always_inline]] inline void four_pixels(const Row<T>& row, std::int64_t x, std::int64_t c) {
  L sum0, sum1, sum2, sum3, weight, value;
  begin(row, c, sum0);
  sum1 = sum2 = sum3 = sum0;
  const std::int64_t step = row.columns->step * row.source_stride;
  const std::int64_t spacing = row.columns->spacing * row.source_stride;
  const std::int64_t first = (x * row.columns->step + row.columns->offset) * row.source_stride + c;
  for (std::int64_t r = 0; r < row.row_count; ++r) {
    const T* source = row.source_row(r) + first;
    const float* weights = row.weight_row(r) + c;
    for (std::int64_t k = 0; k < row.kernel_width; ++k, source += spacing, weights += row.channels) {
      L::load(weights, weight);
      L::load(source, value);
      multiply_add(weight, value, sum0);
      L::load(source + step, value);
      multiply_add(weight, value, sum1);
      L::load(source + 2 * step, value);
      multiply_add(weight, value, sum2);
      L::load(source + 3 * step, value);
      multiply_add(weight, value, sum3);
    }
  }
  finish(row, x, c, sum0);
  finish(row, x + 1, c, sum1);
  finish(row, x + 2, c, sum2);
  finish(row, x + 3, c, sum3);
}

// Channels of bf16 that are computed as pairs; weights and biases lie in the order of these.
template <class T>
constexpr std::int64_t paired(std::int64_t channels) {
  return std::is_same_v<T, BFloat16> ? channels / kPaired * kPaired : 0;
}

// visit(L(), first channel) over the channels of a pixel.
template <class T, class Visit>
[[gnu::always_inline]] inline void for_channels(std::int64_t channels, const Visit& visit) {
  const std::int64_t pairs = paired<T>(channels);
  if constexpr (std::is_same_v<T, BFloat16>) {
    for (std::int64_t c = 0; c < pairs; c += kPaired) visit(LanePairs(), c);
  }
  cpu::for_lanes(
      channels - pairs, [&](auto lanes, std::int64_t c) __attribute__((always_inline)) {
        visit(Lanes<decltype(lanes)::value>(), pairs + c);
      });
}

template <class T>
[[gnu::always_inline]] inline void filter(const Row<T>& row, std::int64_t width) {
  std::int64_t x = 0;
  while (x < width) {
    const bool whole = x >= row.columns->first_whole && x + 4 <= row.columns->end_whole;
    if (whole) {
      for_channels<T>(
          row.channels, [&](auto lanes, std::int64_t c)
                            __attribute__((always_inline)) { four_pixels<decltype(lanes)>(row, x, c); });
      x += 4;
    } else {
      for_channels<T>(
          row.channels, [&](auto lanes, std::int64_t c)
                            __attribute__((always_inline)) { one_pixel<decltype(lanes)>(row, x, c); });
      ++x;
    }
  }
}

GRAPHRUN_SIMD void filter_row(const Row<float>& row, std::int64_t width) { filter(row, width); }
GRAPHRUN_SIMD_OF_HALVES void filter_row(const Row<BFloat16>& row, std::int64_t width) { filter(row, width); }

struct Options {
  bool gradient = false;             // by x: the output is x's gradient
  std::optional<double> fold_eps{};  // conv2d_bn
  bool constant = false;             // weights are prepared
};

// conv2d, conv2d_bn and conv2d_grad_data.
template <class T>
class Depthwise final : public Kernel {
 public:
  Depthwise(const KernelRequest& request, const Geometry& g, const Options& options)
      : g_(g),
        options_(options),
        rows_(options.gradient ? depthwise::gradient_reads(depthwise::rows_of(g), g.h, g.oh)
                               : depthwise::forward_reads(depthwise::rows_of(g), g.h, g.oh)),
        columns_(options.gradient ? depthwise::gradient_reads(depthwise::columns_of(g), g.w, g.ow)
                                  : depthwise::forward_reads(depthwise::columns_of(g), g.w, g.ow)),
        has_bias_(options.fold_eps || (!options.gradient && request.input_present[kBias])),
        relu_(options.fold_eps && request.attrs.text("activation") == "relu"),
        threads_(request.threads) {}
  std::string_view name() const override { return "depthwise"; }
  std::int64_t scratch_bytes() const override { return options_.constant ? 0 : form_floats() * 4; }
  std::int64_t packed_bytes() const override { return options_.constant ? form_floats() * 4 : 0; }
  std::string packed_key() const override {
    std::string key = paired<T>(g_.c) > 0 ? "taps first, paired" : "taps first";
    if (has_bias_) key += ", bias";
    if (options_.fold_eps)
      key += " batch norm " + std::to_string(std::bit_cast<std::uint64_t>(*options_.fold_eps));
    return key;
  }
  Status pack_constants(std::span<const TensorView> inputs, void* packed) const override {
    make_form(inputs, static_cast<float*>(packed));
    return {};
  }

  Status run(const KernelRun& run) override {
    const auto* form = static_cast<const float*>(run.packed);
    if (!options_.constant) {
      make_form(run.inputs, static_cast<float*>(run.scratch));
      form = static_cast<const float*>(run.scratch);
    }
    const TensorView& from = run.inputs[0];
    const TensorView& to = run.outputs[0];
    const std::int64_t height = to.desc.h(), width = to.desc.w();
    Row<T> shared{};
    shared.channels = g_.c;
    shared.kernel_width = g_.kw;
    shared.weight = form;
    if (has_bias_) shared.bias = form + g_.kernel_positions() * g_.c;
    shared.relu = relu_;
    shared.source_stride = from.desc.pixel_stride;
    shared.image_row = from.desc.w() * from.desc.pixel_stride;
    shared.columns = &columns_;
    shared.to_stride = to.desc.pixel_stride;
    const TensorView residual = options_.fold_eps ? run.inputs[kResidual] : TensorView();
    const std::int64_t grain = std::max<std::int64_t>(1, 16384 / (width * g_.c));
    cpu::parallel_for(threads_, to.desc.n() * height, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        Row<T> row = shared;
        row.image = from.as<const T>() + i / height * from.desc.h() * shared.image_row;
        row.rows = rows_.of(i % height);
        row.row_count = rows_.count(i % height);
        row.to = to.as<T>() + i * width * row.to_stride;
        if (residual.data != nullptr) {
          row.residual_stride = residual.desc.pixel_stride;
          row.residual = residual.as<const T>() + i * width * row.residual_stride;
        }
        filter_row(row, width);
      }
    });
    return {};
  }

 private:
  // (taps, C), then biases.
  std::int64_t form_floats() const { return (g_.kernel_positions() + (has_bias_ ? 1 : 0)) * g_.c; }
  void make_form(std::span<const TensorView> inputs, float* form) const {
    const std::int64_t taps = g_.kernel_positions();
    depthwise::taps_first(inputs[kWeight].as<const float>(), g_.c, taps, form);
    if (options_.fold_eps) {
      const FoldedBatchNorm folded(inputs, *options_.fold_eps);
      for (std::int64_t c = 0; c < g_.c; ++c) {
        const double scale = folded.scale(c);
        for (std::int64_t k = 0; k < taps; ++k) {
          float& weight = form[k * g_.c + c];
          weight = static_cast<float>(static_cast<double>(weight) * scale);
        }
        form[taps * g_.c + c] = static_cast<float>(folded.bias(c));
      }
    } else if (!options_.gradient && inputs[kBias].data != nullptr) {
      std::copy_n(inputs[kBias].as<const float>(), g_.c, form + taps * g_.c);
    }
    for (std::int64_t row = 0; row < form_floats(); row += g_.c)
      LanePairs::arrange(form + row, paired<T>(g_.c));
  }

  Geometry g_;
  Options options_;
  Reads rows_, columns_;
  bool has_bias_, relu_;
  int threads_;
};

Prepared prepare(const KernelRequest& request, const Geometry& g, const Options& options) {
  GRAPHRUN_TRY(depthwise::require_depthwise(g));
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    return std::unique_ptr<Kernel>(std::make_unique<Depthwise<T>>(request, g, options));
  });
}

}  // namespace

Prepared prepare_depthwise(const KernelRequest& request) {
  const Geometry g = geometry_of(request.attrs, request.inputs[kX], request.outputs[0]);
  const bool has_constant_bias = !request.input_present[kBias] || request.input_constant[kBias];
  return prepare(request, g, {.constant = request.input_constant[kWeight] && has_constant_bias});
}

Prepared prepare_depthwise_batch_norm(const KernelRequest& request) {
  bool constant = true;
  for (std::size_t i = kWeight; i < kResidual; ++i)
    constant = constant && (!request.input_present[i] || request.input_constant[i]);
  const Geometry g = geometry_of(request.attrs, request.inputs[kX], request.outputs[0]);
  return prepare(request, g, {.fold_eps = request.attrs.real("eps"), .constant = constant});
}

Prepared prepare_depthwise_grad_data(const KernelRequest& request) {
  const Geometry g = geometry_of(request.attrs, request.outputs[0], request.inputs[0]);
  return prepare(request, g, {.gradient = true, .constant = request.input_constant[kWeight]});
}

}  // namespace graphrun::ops::conv2d
