#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "ops/common/activation.h"
#include "ops/conv2d/kernels.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

// conv2d_bn with 3x3 windows and stride 1 by Winograd's minimal filtering F(4x4, 3x3): Lavin and Gray 2016
// (arXiv:1509.09308). A tile of 6x6 pixels and the window, both transformed, need 36 products for 16 results
// instead of 144; over all tiles each of the 36 is a matrix product, which oneDNN computes. A dilated
// convolution is the same on each of the grids of every d-th pixel. Rounding errors are some ten times those
// of the sum over the window.
namespace graphrun::ops::conv2d {
namespace {

constexpr std::int64_t kOut = 4;  // results of a tile along an axis
constexpr std::int64_t kIn = 6;   // pixels that they read
constexpr std::int64_t kPoints = kIn * kIn;
constexpr std::int64_t kBlock = 64;       // channels that are transformed at once
constexpr std::int64_t kMostTiles = 256;  // at once, which bounds scratch memory

// Weights to points along one axis.
constexpr double kG[kIn][3] = {{1.0 / 4, 0, 0},
                               {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                               {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                               {1.0 / 24, 1.0 / 12, 1.0 / 6},
                               {1.0 / 24, -1.0 / 12, 1.0 / 6},
                               {0, 0, 1}};

// One row of points for some channels: factors times the window times the factors of every column.
GRAPHRUN_SIMD void transform_weights(const float* weight, std::int64_t channels, double scale,
                                     const double* factors, float* to, std::int64_t pitch) {
  const double a = scale * factors[0], b = scale * factors[1], c = scale * factors[2];
  for (std::int64_t i = 0; i < channels; ++i) {
    const float* const w = weight + i * 9;
    double sum[3];
    for (std::size_t l = 0; l < 3; ++l)
      sum[l] = a * static_cast<double>(w[l]) + b * static_cast<double>(w[3 + l]) +
               c * static_cast<double>(w[6 + l]);
    for (std::int64_t column = 0; column < kIn; ++column) {
      const double* const g = kG[column];
      to[column * pitch + i] = static_cast<float>(g[0] * sum[0] + g[1] * sum[1] + g[2] * sum[2]);
    }
  }
}

// First results of the tiles along one axis.
std::vector<std::int64_t> tiles_of(std::int64_t out, std::int64_t dilation) {
  std::vector<std::int64_t> first;
  for (std::int64_t phase = 0; phase < std::min(dilation, out); ++phase) {
    for (std::int64_t at = phase; at < out; at += kOut * dilation) first.push_back(at);
  }
  return first;
}

using InTile = std::array<const float*, kPoints>;  // pixels; null: outside of x
using OutTile = std::array<float*, kOut * kOut>;   // pixels; null: outside of y

// Six values along one axis to six, for `count` channels; results lie `pitch` apart.
inline void filter_in(const float* const (&d)[kIn], std::int64_t count, float* to, std::int64_t pitch) {
  for (std::int64_t c = 0; c < count; ++c) {
    const float even = d[4][c] - 4 * d[2][c], odd = d[3][c] - 4 * d[1][c];
    const float near = d[4][c] - d[2][c], far = 2 * (d[3][c] - d[1][c]);
    to[c] = 4 * d[0][c] - 5 * d[2][c] + d[4][c];
    to[pitch + c] = even + odd;
    to[2 * pitch + c] = even - odd;
    to[3 * pitch + c] = near + far;
    to[4 * pitch + c] = near - far;
    to[5 * pitch + c] = 4 * d[1][c] - 5 * d[3][c] + d[5][c];
  }
}

// Six products along one axis, `from_pitch` apart, to four results.
inline void filter_out(const float* m, std::int64_t from_pitch, std::int64_t count, float* to,
                       std::int64_t pitch) {
  for (std::int64_t c = 0; c < count; ++c) {
    const float one = m[from_pitch + c], two = m[2 * from_pitch + c];
    const float three = m[3 * from_pitch + c], four = m[4 * from_pitch + c];
    to[c] = m[c] + (one + two) + (three + four);
    to[pitch + c] = (one - two) + 2 * (three - four);
    to[2 * pitch + c] = (one + two) + 4 * (three + four);
    to[3 * pitch + c] = (one - two) + 8 * (three - four) + m[5 * from_pitch + c];
  }
}

[[gnu::flatten]] GRAPHRUN_SIMD void transform_in(const InTile& pixels, std::int64_t channels, float* to,
                                                 std::int64_t pitch) {
  static constexpr float kZeros[kBlock] = {};
  for (std::int64_t begin = 0; begin < channels; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, channels - begin);
    float half[kIn * kIn * kBlock];  // by row, column and channel
    for (std::size_t j = 0; j < kIn; ++j) {
      const float* d[kIn];
      for (std::size_t i = 0; i < kIn; ++i) {
        const float* const pixel = pixels[i * kIn + j];
        d[i] = pixel == nullptr ? kZeros : pixel + begin;
      }
      filter_in(d, count, half + j * kBlock, kIn * kBlock);
    }
    for (std::size_t i = 0; i < kIn; ++i) {
      const float* d[kIn];
      for (std::size_t j = 0; j < kIn; ++j) d[j] = half + (i * kIn + j) * kBlock;
      filter_in(d, count, to + static_cast<std::int64_t>(i) * kIn * pitch + begin, pitch);
    }
  }
}

struct OutPixels {
  OutTile y;
  std::array<const float*, kOut * kOut> residual;  // read where `add`
  bool add, relu;
  const float* bias;
};

[[gnu::flatten]] GRAPHRUN_SIMD void transform_out(const float* from, std::int64_t pitch,
                                                  std::int64_t channels, const OutPixels& pixels) {
  for (std::int64_t begin = 0; begin < channels; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, channels - begin);
    float half[kOut * kIn * kBlock];  // by row, column and channel
    for (std::size_t j = 0; j < kIn; ++j)
      filter_out(from + static_cast<std::int64_t>(j) * pitch + begin, kIn * pitch, count, half + j * kBlock,
                 kIn * kBlock);
    for (std::size_t i = 0; i < kOut; ++i) {
      float row[kOut * kBlock];
      filter_out(half + i * kIn * kBlock, kBlock, count, row, kBlock);
      for (std::size_t j = 0; j < kOut; ++j) {
        float* const y = pixels.y[i * kOut + j];
        if (y == nullptr) continue;
        float* const line = row + j * kBlock;
        for (std::int64_t c = 0; c < count; ++c) line[c] += pixels.bias[begin + c];
        if (pixels.add) {
          const float* const residual = pixels.residual[i * kOut + j] + begin;
          for (std::int64_t c = 0; c < count; ++c) line[c] += residual[c];
        }
        const float least = pixels.relu ? 0.0f : -INFINITY;
        // NaN stays NaN.
        for (std::int64_t c = 0; c < count; ++c) y[begin + c] = least > line[c] ? least : line[c];
      }
    }
  }
}

class Winograd final : public Kernel {
 public:
  Winograd(const KernelRequest& request, const Geometry& g, cpu::Convolution product, std::int64_t tiles,
           std::string key)
      : g_(g),
        eps_(request.attrs.real("eps")),
        relu_(request.attrs.text("activation") == "relu"),
        rows_(tiles_of(g.oh, g.dh)),
        columns_(tiles_of(g.ow, g.dw)),
        product_(std::move(product)),
        tiles_(tiles),
        key_(std::move(key)),
        threads_(request.threads) {
    weight_bytes_ = (static_cast<std::int64_t>(product_.weight.get_size()) + 63) / 64 * 64;
    ScratchPlan scratch;
    in_at_ = scratch.add(kPoints * tiles_ * g_.c * 4);
    out_at_ = scratch.add(kPoints * tiles_ * g_.o * 4);
    library_at_ = scratch.add(product_.primitive.scratch_bytes());
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return "winograd"; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::int64_t prepared_bytes() const override { return kPoints * weight_bytes_ + g_.o * 4; }
  std::string prepared_key() const override { return key_; }
  Status prepare_constants(std::span<const TensorView> inputs, void* prepared) const override;
  Status run(const KernelRun& run) override;

 private:
  struct Place {
    std::int64_t image, row, column;  // of the first result
  };
  Place place_of(std::int64_t tile) const {
    const auto columns = static_cast<std::int64_t>(columns_.size());
    const auto rows = static_cast<std::int64_t>(rows_.size());
    return {tile / columns / rows, rows_[static_cast<std::size_t>(tile / columns % rows)],
            columns_[static_cast<std::size_t>(tile % columns)]};
  }
  std::int64_t tile_count() const { return g_.n * static_cast<std::int64_t>(rows_.size() * columns_.size()); }
  InTile in_tile(const TensorView& x, const Place& place) const;
  OutPixels out_pixels(const KernelRun& run, const Place& place) const;

  Geometry g_;
  double eps_;
  bool relu_;
  std::vector<std::int64_t> rows_, columns_;  // tiles_of() the axes of y
  cpu::Convolution product_;                  // of `tiles_` pixels with one point's weights
  std::int64_t tiles_;                        // at once
  std::string key_;
  int threads_;
  std::int64_t weight_bytes_ = 0;  // of one point
  std::int64_t in_at_ = 0, out_at_ = 0, library_at_ = 0, scratch_bytes_ = 0;
};

Status Winograd::prepare_constants(std::span<const TensorView> inputs, void* prepared) const {
  const FoldedBatchNorm folded(inputs, eps_);
  auto* const bias = scratch_at<float>(prepared, kPoints * weight_bytes_);
  for (std::int64_t o = 0; o < g_.o; ++o) bias[o] = static_cast<float>(folded.bias(o));
  const TensorDesc dense = TensorDesc::dense(DType::f32, {g_.o, g_.c, 1, 1});
  GRAPHRUN_ASSIGN(const auto from, cpu::library_desc(dense));
  GRAPHRUN_ASSIGN(cpu::Primitive reorder, cpu::make_reorder(from, product_.weight, threads_));
  std::vector<double> library(static_cast<std::size_t>(reorder.scratch_bytes()) / sizeof(double) + 1);
  // Six points at a time: their dense form is two thirds of the original weights.
  const std::int64_t pitch = g_.o * g_.c;
  std::vector<float> points(static_cast<std::size_t>(kIn * pitch));
  const auto* const weight = inputs[kWeight].as<const float>();
  for (std::int64_t row = 0; row < kIn; ++row) {
    cpu::parallel_for(threads_, g_.o, 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t o = begin; o < end; ++o)
        transform_weights(weight + o * g_.c * 9, g_.c, folded.scale(o), kG[row], points.data() + o * g_.c,
                          pitch);
    });
    for (std::int64_t column = 0; column < kIn; ++column) {
      void* const data[] = {points.data() + column * pitch,
                            scratch_at(prepared, (row * kIn + column) * weight_bytes_)};
      GRAPHRUN_TRY(reorder.run(data, library.data()));
    }
  }
  return {};
}

InTile Winograd::in_tile(const TensorView& x, const Place& place) const {
  InTile pixels;
  for (std::int64_t i = 0; i < kIn; ++i) {
    const std::int64_t row = place.row - g_.ph + i * g_.dh;
    for (std::int64_t j = 0; j < kIn; ++j) {
      const std::int64_t column = place.column - g_.pw + j * g_.dw;
      const bool inside = row >= 0 && row < g_.h && column >= 0 && column < g_.w;
      pixels[static_cast<std::size_t>(i * kIn + j)] =
          inside ? x.as<const float>() + ((place.image * g_.h + row) * g_.w + column) * x.desc.pixel_stride
                 : nullptr;
    }
  }
  return pixels;
}

OutPixels Winograd::out_pixels(const KernelRun& run, const Place& place) const {
  const TensorView& y = run.outputs[0];
  const TensorView& residual = run.inputs[kResidual];
  OutPixels pixels{};
  pixels.add = residual.data != nullptr;
  pixels.relu = relu_;
  pixels.bias =
      reinterpret_cast<const float*>(static_cast<const std::byte*>(run.prepared) + kPoints * weight_bytes_);
  for (std::int64_t i = 0; i < kOut; ++i) {
    const std::int64_t row = place.row + i * g_.dh;
    for (std::int64_t j = 0; j < kOut; ++j) {
      const std::int64_t column = place.column + j * g_.dw;
      if (row >= g_.oh || column >= g_.ow) continue;
      const std::int64_t pixel = (place.image * g_.oh + row) * g_.ow + column;
      const auto at = static_cast<std::size_t>(i * kOut + j);
      pixels.y[at] = y.as<float>() + pixel * y.desc.pixel_stride;
      if (pixels.add) pixels.residual[at] = residual.as<const float>() + pixel * residual.desc.pixel_stride;
    }
  }
  return pixels;
}

Status Winograd::run(const KernelRun& run) {
  auto* const in = scratch_at<float>(run.scratch, in_at_);
  auto* const out = scratch_at<float>(run.scratch, out_at_);
  for (std::int64_t first = 0; first < tile_count(); first += tiles_) {
    const std::int64_t count = std::min(tiles_, tile_count() - first);
    cpu::parallel_for(threads_, count, 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t tile = begin; tile < end; ++tile)
        transform_in(in_tile(run.inputs[kX], place_of(first + tile)), g_.c, in + tile * g_.c, tiles_ * g_.c);
    });
    for (std::int64_t p = 0; p < kPoints; ++p) {
      auto* const weight = const_cast<std::byte*>(static_cast<const std::byte*>(run.prepared));
      void* const data[] = {in + p * tiles_ * g_.c, weight + p * weight_bytes_, out + p * tiles_ * g_.o};
      GRAPHRUN_TRY(product_.primitive.run(data, scratch_at(run.scratch, library_at_)));
    }
    cpu::parallel_for(threads_, count, 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t tile = begin; tile < end; ++tile)
        transform_out(out + tile * g_.o, tiles_ * g_.o, g_.o, out_pixels(run, place_of(first + tile)));
    });
  }
  return {};
}

}  // namespace

Prepared prepare_winograd(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  for (std::size_t i = kWeight; i < kResidual; ++i) {
    if (request.input_present[i] && !request.input_constant[i])
      return {ErrorCode::declined, "transforms constant weights only"};
  }
  const Geometry g = geometry_of(request.attrs, request.inputs[kX], request.outputs[0]);
  if (g.kh != 3 || g.kw != 3 || g.sh != 1 || g.sw != 1)
    return {ErrorCode::declined, "takes 3x3 windows with stride 1"};
  // Fewer channels or tiles do not pay for the transforms and for four times the weights.
  constexpr std::int64_t kFewest = 64;
  const auto all = static_cast<std::int64_t>(tiles_of(g.oh, g.dh).size() * tiles_of(g.ow, g.dw).size()) * g.n;
  if (std::min(g.c, g.o) < kFewest || all < kFewest || g.n * g.oh * g.ow * 2 < all * kOut * kOut)
    return {ErrorCode::declined, "too few channels, or tiles too few or too empty"};
  const std::int64_t chunks = (all + kMostTiles - 1) / kMostTiles;
  // A few widths for all sizes of images: the library generates code for each.
  constexpr std::int64_t kWidth = 32;
  const std::int64_t tiles = ((all + chunks - 1) / chunks + kWidth - 1) / kWidth * kWidth;
  cpu::ConvolutionDesc desc;
  GRAPHRUN_ASSIGN(desc.x, cpu::library_desc(TensorDesc::nhwc(DType::f32, {1, g.c, 1, tiles})));
  GRAPHRUN_ASSIGN(desc.y, cpu::library_desc(TensorDesc::nhwc(DType::f32, {1, g.o, 1, tiles})));
  GRAPHRUN_ASSIGN(desc.weight, cpu::library_choice(TensorDesc::dense(DType::f32, {g.o, g.c, 1, 1})));
  desc.stride = {1, 1};
  desc.dilation = {1, 1};
  desc.padding = {0, 0};
  GRAPHRUN_ASSIGN(cpu::Convolution product, cpu::make_convolution_forward(desc, request.threads));
  GRAPHRUN_ASSIGN(std::string key, cpu::layout_key(product.weight));
  key += " eps " + std::to_string(std::bit_cast<std::uint64_t>(request.attrs.real("eps")));
  return std::unique_ptr<Kernel>(
      std::make_unique<Winograd>(request, g, std::move(product), tiles, std::move(key)));
}

}  // namespace graphrun::ops::conv2d
