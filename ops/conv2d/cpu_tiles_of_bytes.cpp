#include <memory>
#include <vector>

#include "ops/common/bytes.h"
#include "ops/conv2d/eight_bits.h"
#include "ops/conv2d/kernels.h"
#include "ops/conv2d/tiles.h"

// conv2d and conv2d_bn of u8 activations and s8 weights by the CPU's matrix units.
namespace graphrun::ops::conv2d {
namespace {

class ByteTiles final : public TileKernel {
 public:
  ByteTiles(const KernelRequest& request, TileForm form, TileEnds ends, const ByteForm& bytes)
      : TileKernel(request, std::move(form), ends, "of bytes" + bytes.key()), bytes_(bytes) {}

  Status pack_constants(std::span<const TensorView> inputs, void* packed) const override {
    const TensorView& weight = inputs[kWeight];
    const auto* const given = weight.as<const std::int8_t>();
    std::vector<std::int8_t> dense(given, given + weight.desc.shape.count());
    float* factor_of = factors(packed);
    float* shift_of = shifts(packed);
    for (const auto& [factor, shift] : fold_bytes(bytes_, inputs, dense)) {
      *factor_of++ = static_cast<float>(factor);
      *shift_of++ = static_cast<float>(shift + 0.5);  // what is cut off afterwards is rounded
    }
    pack_panels(std::as_bytes(std::span(dense)), packed);
    return {};
  }

 private:
  ByteForm bytes_;
};

Prepared prepare(const KernelRequest& request, const BatchNormForm& norm) {
  GRAPHRUN_TRY(check_byte_operands(request));
  if (!is_byte(request.outputs[0])) return {ErrorCode::declined, "wants y in u8"};
  GRAPHRUN_ASSIGN(TileForm form, tile_form(request, cpu::TileType::bytes));
  const ByteForm bytes = byte_form(request, norm.eps);
  const TileEnds ends{.low = norm.relu ? static_cast<float>(bytes.y.zero_point) : 0.0f,
                      .residual_factor = bytes.residual.scale / bytes.y.scale};
  return std::unique_ptr<Kernel>(std::make_unique<ByteTiles>(request, std::move(form), ends, bytes));
}

}  // namespace

Prepared prepare_byte_tiles(const KernelRequest& request) { return prepare(request, {}); }

Prepared prepare_batch_norm_byte_tiles(const KernelRequest& request) {
  return prepare(request, batch_norm_form(request));
}

}  // namespace graphrun::ops::conv2d
