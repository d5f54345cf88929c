#include <algorithm>
#include <bit>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "ops/conv2d/kernels.h"
#include "ops/conv2d/tiles.h"
#include "runtime/cpu/parallel.h"

// conv2d and conv2d_bn of bf16 by the CPU's matrix units: exact products, summed in f32.
namespace graphrun::ops::conv2d {
namespace {

struct HalfForm {
  std::optional<double> eps{};  // of batch norm
  bool carry = false;           // rounding of weights, from tap to tap

  std::string key() const {
    std::string key = carry ? "of halves, carried" : "of halves";
    if (eps) key += " batch norm " + std::to_string(std::bit_cast<std::uint64_t>(*eps));
    return key;
  }
};

class HalfTiles final : public TileKernel {
 public:
  HalfTiles(const KernelRequest& request, TileForm form, TileEnds ends, const HalfForm& half)
      : TileKernel(request, std::move(form), ends, half.key()), half_(half), threads_(request.threads) {}

  Status pack_constants(std::span<const TensorView> inputs, void* packed) const override {
    const Geometry& g = form().g;
    const std::int64_t row = g.c * g.kernel_positions();
    std::vector<BFloat16> dense(static_cast<std::size_t>(g.o * row));
    cpu::parallel_for(threads_, g.o, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> taps(static_cast<std::size_t>(row));
      for (std::int64_t o = begin; o < end; ++o) {
        shifts(packed)[o] = fold(inputs, o, taps);
        std::ranges::transform(taps, dense.begin() + o * row, [](float tap) { return BFloat16(tap); });
      }
    });
    pack_panels(std::as_bytes(std::span(dense)), packed);
    return {};
  }

 private:
  // An output's weights, and what is added to its sum.
  float fold(std::span<const TensorView> inputs, std::int64_t o, std::vector<float>& taps) const {
    const float* const weight = inputs[kWeight].as<const float>() + o * std::ssize(taps);
    std::copy_n(weight, taps.size(), taps.begin());
    float shift = inputs[kBias].data != nullptr ? inputs[kBias].as<const float>()[o] : 0.0f;
    if (half_.eps) {
      const FoldedBatchNorm folded(inputs, *half_.eps);
      const double scale = folded.scale(o);
      shift = static_cast<float>(folded.bias(o));
      for (float& tap : taps) tap = static_cast<float>(static_cast<double>(tap) * scale);
    }
    const std::int64_t positions = form().g.kernel_positions();
    for (std::int64_t i = 0; half_.carry && i < std::ssize(taps); i += positions)
      carry_rounding(taps.data() + i, positions, 1);
    return shift;
  }

  HalfForm half_;
  int threads_;
};

Prepared prepare(const KernelRequest& request, const BatchNormForm& norm) {
  if (request.inputs[kX].dtype != DType::bf16 || request.outputs[0].dtype != DType::bf16)
    return {ErrorCode::declined, "multiplies bf16 to bf16"};
  GRAPHRUN_TRY(require_constants(request, DType::f32));
  if (has_residual(request) && request.inputs[kResidual].dtype != DType::bf16)
    return {ErrorCode::declined, "the residual and y differ in their type"};
  GRAPHRUN_ASSIGN(TileForm form, tile_form(request, cpu::TileType::halves));
  const HalfForm half{.eps = norm.eps, .carry = norm.eps && carries_rounding(request, form.g)};
  const TileEnds ends{.low = norm.relu ? 0.0f : -std::numeric_limits<float>::infinity()};
  return std::unique_ptr<Kernel>(std::make_unique<HalfTiles>(request, std::move(form), ends, half));
}

}  // namespace

Prepared prepare_half_tiles(const KernelRequest& request) { return prepare(request, {}); }

Prepared prepare_batch_norm_half_tiles(const KernelRequest& request) {
  return prepare(request, batch_norm_form(request));
}

}  // namespace graphrun::ops::conv2d
