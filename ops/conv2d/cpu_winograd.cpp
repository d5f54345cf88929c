#include <algorithm>
#include <bit>
#include <memory>
#include <vector>

#include "ops/common/compute_type.h"
#include "ops/conv2d/kernels.h"
#include "ops/conv2d/winograd.h"
#include "runtime/core/round_up.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/parallel.h"

// conv2d_bn with 3x3 windows and stride 1 by Winograd's minimal filtering: batch norm is folded into weights
// that are transformed once, and the library's convolution of 1x1 windows computes the products.
namespace graphrun::ops::conv2d {
namespace {

using namespace winograd;

constexpr std::int64_t kMaxTiles = 256;  // at once, which bounds scratch memory

// Activations are stored as T.
template <class T>
class Winograd final : public Kernel {
 public:
  Winograd(const KernelRequest& request, const Geometry& g, cpu::Convolution product, std::int64_t tiles,
           std::string key)
      : g_(g),
        eps_(request.attrs.real("eps")),
        relu_(request.attrs.text("activation") == "relu"),
        all_(g),
        product_(std::move(product)),
        tiles_(tiles),
        key_(std::move(key)),
        threads_(request.threads) {
    weight_bytes_ = core::whole_lines(static_cast<std::int64_t>(product_.weight.get_size()));
    ScratchPlan scratch;
    in_at_ = scratch.add(kPoints * pitch_of(tiles_ * g_.c) * 4);
    out_at_ = scratch.add(kPoints * pitch_of(tiles_ * g_.o) * 4);
    library_at_ = scratch.add(product_.primitive.scratch_bytes());
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return "winograd"; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::int64_t packed_bytes() const override { return kPoints * weight_bytes_ + g_.o * 4; }
  std::string packed_key() const override { return key_; }
  Status pack_constants(std::span<const TensorView> inputs, void* packed) const override;
  Status run(const KernelRun& run) override;

 private:
  OutPixels<T> out_pixels(const KernelRun& run, std::int64_t tile) const;

  Geometry g_;
  double eps_;
  bool relu_;
  Tiles all_;
  cpu::Convolution product_;  // of `tiles_` pixels with one point's weights
  std::int64_t tiles_;        // at once
  std::string key_;
  int threads_;
  std::int64_t weight_bytes_ = 0;  // of one point
  std::int64_t in_at_ = 0, out_at_ = 0, library_at_ = 0, scratch_bytes_ = 0;
};

template <class T>
Status Winograd<T>::pack_constants(std::span<const TensorView> inputs, void* packed) const {
  const FoldedBatchNorm folded(inputs, eps_);
  auto* const bias = scratch_at<float>(packed, kPoints * weight_bytes_);
  for (std::int64_t o = 0; o < g_.o; ++o) bias[o] = static_cast<float>(folded.bias(o));
  const TensorDesc dense = TensorDesc::dense(DType::f32, {g_.o, g_.c, 1, 1});
  GRAPHRUN_ASSIGN(const auto from, cpu::library_desc(dense));
  GRAPHRUN_ASSIGN(cpu::Primitive reorder, cpu::make_reorder(from, product_.weight, threads_));
  std::vector<double> library(static_cast<std::size_t>(reorder.scratch_bytes()) / sizeof(double) + 1);
  // A row of points at a time: its dense form is two thirds of the original weights.
  const std::int64_t pitch = g_.o * g_.c;
  const auto points = std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(kIn * pitch));
  const auto* const weight = inputs[kWeight].as<const float>();
  for (std::int64_t row = 0; row < kIn; ++row) {
    cpu::parallel_for(threads_, g_.o, 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t o = begin; o < end; ++o)
        transform_weights(weight + o * g_.c * kTaps, g_.c,
                          {.scale = folded.scale(o), .first = row, .last = row + 1}, points.get() + o * g_.c,
                          pitch);
    });
    for (std::int64_t column = 0; column < kIn; ++column) {
      void* const data[] = {points.get() + column * pitch,
                            scratch_at(packed, (row * kIn + column) * weight_bytes_)};
      GRAPHRUN_TRY(reorder.run(data, library.data()));
    }
  }
  return {};
}

template <class T>
OutPixels<T> Winograd<T>::out_pixels(const KernelRun& run, std::int64_t tile) const {
  OutPixels<T> pixels{.y = all_.template pixels_out<T>(run.outputs[0], tile)};
  pixels.add = run.inputs[kResidual].data != nullptr;
  if (pixels.add) pixels.residual = all_.template pixels_out<const T>(run.inputs[kResidual], tile);
  pixels.relu = relu_;
  pixels.bias =
      reinterpret_cast<const float*>(static_cast<const std::byte*>(run.packed) + kPoints * weight_bytes_);
  return pixels;
}

template <class T>
Status Winograd<T>::run(const KernelRun& run) {
  auto* const in = scratch_at<float>(run.scratch, in_at_);
  auto* const out = scratch_at<float>(run.scratch, out_at_);
  const std::int64_t in_pitch = pitch_of(tiles_ * g_.c), out_pitch = pitch_of(tiles_ * g_.o);
  for (std::int64_t first = 0; first < all_.count(); first += tiles_) {
    const std::int64_t count = std::min(tiles_, all_.count() - first);
    cpu::parallel_for(threads_, count, 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t tile = begin; tile < end; ++tile)
        transform_in(all_.template pixels_in<T>(run.inputs[kX], first + tile), g_.c, in + tile * g_.c,
                     in_pitch);
    });
    for (std::int64_t p = 0; p < kPoints; ++p) {
      auto* const weight = const_cast<std::byte*>(static_cast<const std::byte*>(run.packed));
      void* const data[] = {in + p * in_pitch, weight + p * weight_bytes_, out + p * out_pitch};
      GRAPHRUN_TRY(product_.primitive.run(data, scratch_at(run.scratch, library_at_)));
    }
    cpu::parallel_for(threads_, count, 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t tile = begin; tile < end; ++tile)
        transform_out(out + tile * g_.o, out_pitch, g_.o, out_pixels(run, first + tile));
    });
  }
  return {};
}

template <class T>
Prepared prepare(const KernelRequest& request) {
  for (std::size_t i = kWeight; i < kResidual; ++i) {
    if (request.input_present[i] && !request.input_constant[i])
      return {ErrorCode::declined, "transforms constant weights only"};
  }
  const Geometry g = geometry_of(request.attrs, request.inputs[kX], request.outputs[0]);
  GRAPHRUN_TRY(require_tiles(request, g));
  // Products are computed in f32, of which a direct convolution in bf16 does twice as many in a second.
  constexpr std::int64_t kFewestOfBf16 = 512 * 1024;
  if (std::is_same_v<T, BFloat16> && cpu::uses_matrix_units())
    return {ErrorCode::declined, "matrix units are faster in bf16 without tiles"};
  if (std::is_same_v<T, BFloat16> && g.c * g.o < kFewestOfBf16)
    return {ErrorCode::declined, "too few channels to be faster in f32 than bf16 without tiles"};
  const std::int64_t all = Tiles(g).count();
  const std::int64_t chunks = (all + kMaxTiles - 1) / kMaxTiles;
  // A few widths for all sizes of images: the library generates code for each.
  constexpr std::int64_t kWidth = 32;
  const std::int64_t tiles = ((all + chunks - 1) / chunks + kWidth - 1) / kWidth * kWidth;
  GRAPHRUN_ASSIGN(cpu::Convolution product,
                  cpu::make_pixel_product(DType::f32, tiles, g.c, g.o, request.threads));
  GRAPHRUN_ASSIGN(std::string key, cpu::layout_key(product.weight));
  key += " eps " + std::to_string(std::bit_cast<std::uint64_t>(request.attrs.real("eps")));
  return std::unique_ptr<Kernel>(
      std::make_unique<Winograd<T>>(request, g, std::move(product), tiles, std::move(key)));
}

}  // namespace

Prepared prepare_winograd(const KernelRequest& request) {
  return for_activation_type(request, [&](auto type) { return prepare<decltype(type)>(request); });
}

}  // namespace graphrun::ops::conv2d
