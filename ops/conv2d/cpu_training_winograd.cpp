#include <algorithm>

#include "ops/common/activation.h"
#include "ops/conv2d/cpu_training_kernels.h"
#include "ops/conv2d/winograd.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/parallel.h"

// conv2d and its gradients by Winograd's minimal filtering, with weights that change from run to run. Each of
// the 36 products is computed by one thread, so that results do not depend on the number of threads.
namespace graphrun::ops::conv2d {
namespace {

using namespace winograd;

constexpr std::int64_t kSize = sizeof(float);
// Portions bound scratch memory. Fewer tiles or channels at once would slow the products down.
constexpr std::int64_t kChannelsOfBlock = 128;
constexpr std::int64_t kFewestTiles = 192;
constexpr std::int64_t kBytesOfPortion = 4 << 20;

// Tiles at once, when each takes `channels` values at every point.
std::int64_t portion_of(std::int64_t tiles, std::int64_t channels) {
  const std::int64_t most = std::max(kFewestTiles, kBytesOfPortion / (kPoints * channels * kSize));
  const std::int64_t portions = (tiles + most - 1) / most;
  return (tiles + portions - 1) / portions;
}

// products(p) for each point.
template <class Product>
Status multiply_points(int threads, const Product& product) {
  Status outcomes[kPoints];
  cpu::parallel_for(threads, kPoints, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) outcomes[p] = product(p);
  });
  for (const Status& outcome : outcomes) GRAPHRUN_TRY(outcome);
  return {};
}

// The convolution of x by weights, or of gy by the turned weights with their channels exchanged.
class WinogradConvolution final : public Kernel {
 public:
  // `g` is that of the convolution as it is computed.
  WinogradConvolution(const Geometry& g, bool flipped, int threads)
      : g_(g), all_(g), turned_(flipped), threads_(threads), portion_(portion_of(all_.count(), g.c)) {
    ScratchPlan scratch;
    in_at_ = scratch.add(kPoints * pitch_of(portion_ * g_.c) * kSize);
    weight_at_ = scratch.add(kPoints * pitch_of(g_.c * block()) * kSize);
    out_at_ = scratch.add(kPoints * pitch_of(portion_ * block()) * kSize);
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return "winograd"; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  Status run(const KernelRun& run) override;

 private:
  std::int64_t block() const { return std::min(g_.o, kChannelsOfBlock); }
  void transform_block(const float* weight, std::int64_t first, std::int64_t count, float* to) const;

  Geometry g_;
  Tiles all_;
  bool turned_;
  int threads_;
  std::int64_t portion_;  // tiles at once
  std::int64_t in_at_ = 0, weight_at_ = 0, out_at_ = 0, scratch_bytes_ = 0;
};

// For `count` results from `first` on: rows are channels of the variable's first axis.
void WinogradConvolution::transform_block(const float* weight, std::int64_t first, std::int64_t count,
                                          float* to) const {
  const std::int64_t rows = turned_ ? g_.c : count;
  const std::int64_t columns = turned_ ? count : g_.c;
  cpu::parallel_for(threads_, rows, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t window = turned_ ? row * g_.o + first : (first + row) * g_.c;
      transform_weights(weight + window * kTaps, columns, {.flipped = turned_}, to + row * columns,
                        pitch_of(rows * columns));
    }
  });
}

Status WinogradConvolution::run(const KernelRun& run) {
  const TensorView& x = run.inputs[0];
  const auto* const bias = turned_ ? nullptr : run.inputs[kBias].as<const float>();
  auto* const in = scratch_at<float>(run.scratch, in_at_);
  auto* const weight = scratch_at<float>(run.scratch, weight_at_);
  auto* const out = scratch_at<float>(run.scratch, out_at_);
  for (std::int64_t tile = 0; tile < all_.count(); tile += portion_) {
    const std::int64_t tiles = std::min(portion_, all_.count() - tile);
    cpu::parallel_for(threads_, tiles, 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        transform_in<float>(all_.pixels_in<float>(x, tile + i), g_.c, in + i * g_.c, pitch_of(tiles * g_.c));
    });
    for (std::int64_t first = 0; first < g_.o; first += block()) {
      const std::int64_t count = std::min(block(), g_.o - first);
      if (tile == 0 || block() < g_.o)
        transform_block(run.inputs[kWeight].as<const float>(), first, count, weight);
      GRAPHRUN_TRY(multiply_points(threads_, [&](std::int64_t p) {
        return cpu::matrix_product(
            {.m = tiles,
             .n = count,
             .k = g_.c,
             .a = {in + p * pitch_of(tiles * g_.c), g_.c},
             .b = {weight + p * pitch_of(g_.c * count), turned_ ? count : g_.c, !turned_}},
            out + p * pitch_of(tiles * count), count, 1);
      }));
      cpu::parallel_for(threads_, tiles, 4, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          OutPixels<float> pixels{.y = all_.pixels_out<float>(run.outputs[0], tile + i)};
          for (float*& pixel : pixels.y)
            if (pixel != nullptr) pixel += first;
          if (bias != nullptr) pixels.bias = bias + first;
          transform_out(out + i * count, pitch_of(tiles * count), count, pixels);
        }
      });
    }
  }
  return {};
}

// The weight's gradient: the transposes of what the forward pass does. The sum over tiles is the products'.
class WinogradGradWeight final : public Kernel {
 public:
  WinogradGradWeight(const KernelRequest& request, const Geometry& g)
      : g_(g), all_(g), threads_(request.threads), portion_(portion_of(all_.count(), g.o)) {
    ScratchPlan scratch;
    gy_at_ = scratch.add(kPoints * pitch_of(portion_ * g_.o) * kSize);
    x_at_ = scratch.add(kPoints * pitch_of(portion_ * block()) * kSize);
    sum_at_ = scratch.add(kPoints * pitch_of(g_.o * block()) * kSize);
    bias_ = request.output_present[1];
    if (bias_) bias_at_ = scratch.add(bias_scratch_bytes(request.inputs[0]));
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return "winograd"; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  Status run(const KernelRun& run) override {
    if (run.outputs[0].data != nullptr) GRAPHRUN_TRY(weight(run));
    if (bias_)
      sum_pixels(run.inputs[0], run.outputs[1].as<float>(), scratch_at<double>(run.scratch, bias_at_),
                 threads_);
    return {};
  }

 private:
  std::int64_t block() const { return std::min(g_.c, kChannelsOfBlock); }
  Status weight(const KernelRun& run) const;
  Status add_products(const KernelRun& run, std::int64_t tile, std::int64_t first, std::int64_t count) const;

  Geometry g_;
  Tiles all_;
  int threads_;
  std::int64_t portion_;  // tiles at once
  bool bias_ = false;
  std::int64_t gy_at_ = 0, x_at_ = 0, sum_at_ = 0, bias_at_ = 0, scratch_bytes_ = 0;
};

// The sums at all points (o, count), for `count` channels of x from `first` on, over tiles from `tile` on.
Status WinogradGradWeight::add_products(const KernelRun& run, std::int64_t tile, std::int64_t first,
                                        std::int64_t count) const {
  const std::int64_t tiles = std::min(portion_, all_.count() - tile);
  auto* const gy = scratch_at<float>(run.scratch, gy_at_);
  auto* const x = scratch_at<float>(run.scratch, x_at_);
  auto* const sum = scratch_at<float>(run.scratch, sum_at_);
  // Where one portion has all tiles, its first block of channels has left gy's points there.
  const bool spread = first == 0 || portion_ < all_.count();
  cpu::parallel_for(threads_, tiles, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      InTile<float> pixels = all_.pixels_in<float>(run.inputs[1], tile + i);
      for (const float*& pixel : pixels)
        if (pixel != nullptr) pixel += first;
      transform_in(pixels, count, x + i * count, pitch_of(tiles * count));
      if (spread)
        spread_out(all_.pixels_out<const float>(run.inputs[0], tile + i), g_.o, gy + i * g_.o,
                   pitch_of(tiles * g_.o));
    }
  });
  return multiply_points(threads_, [&](std::int64_t p) {
    return cpu::matrix_product({.m = g_.o,
                                .n = count,
                                .k = tiles,
                                .a = {gy + p * pitch_of(tiles * g_.o), g_.o, true},
                                .b = {x + p * pitch_of(tiles * count), count},
                                .beta = tile == 0 ? 0.0f : 1.0f},
                               sum + p * pitch_of(g_.o * count), count, 1);
  });
}

Status WinogradGradWeight::weight(const KernelRun& run) const {
  const auto* const sum = scratch_at<const float>(run.scratch, sum_at_);
  auto* const gweight = run.outputs[0].as<float>();
  for (std::int64_t first = 0; first < g_.c; first += block()) {
    const std::int64_t count = std::min(block(), g_.c - first);
    for (std::int64_t tile = 0; tile < all_.count(); tile += portion_)
      GRAPHRUN_TRY(add_products(run, tile, first, count));
    cpu::parallel_for(threads_, g_.o, 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t o = begin; o < end; ++o)
        gather_weights(sum + o * count, pitch_of(g_.o * count), count, gweight + (o * g_.c + first) * kTaps);
    });
  }
  return {};
}

Prepared make_convolution(const KernelRequest& request, const Geometry& g, bool flipped) {
  GRAPHRUN_TRY(require_tiles(request, g));
  if (request.input_constant[kWeight])
    return {ErrorCode::declined, "would transform constant weights in each run"};
  return std::unique_ptr<Kernel>(std::make_unique<WinogradConvolution>(g, flipped, request.threads));
}

}  // namespace

Prepared prepare_winograd_forward(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  return make_convolution(request, geometry_of(request.attrs, request.inputs[kX], request.outputs[0]), false);
}

Prepared prepare_winograd_grad_data(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const Geometry g = geometry_of(request.attrs, request.outputs[0], request.inputs[0]);
  const Geometry flipped = flipped_geometry(g);
  if (g.sh != 1 || g.sw != 1 || flipped.ph < 0 || flipped.pw < 0)
    return {ErrorCode::declined, "takes stride 1, and no more padding than the window reaches"};
  return make_convolution(request, flipped, true);
}

Prepared prepare_winograd_grad_weight(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const Geometry g = geometry_of(request.attrs, request.inputs[1], request.inputs[0]);
  GRAPHRUN_TRY(require_tiles(request, g));
  return std::unique_ptr<Kernel>(std::make_unique<WinogradGradWeight>(request, g));
}

}  // namespace graphrun::ops::conv2d
