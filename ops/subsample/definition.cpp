#include "graphrun/kernel/op_def.h"
#include "ops/common/activation.h"

namespace graphrun::ops::subsample {
namespace {

// The steps of the grid must be whole. Extents that are not known yet are checked at bind.
Status require_grid(const Dim& in, const Dim& out, std::string_view what) {
  GRAPHRUN_TRY(require_positive(out, what));
  if (!in.is_constant() || !out.is_constant() || in == out) return {};
  const std::int64_t steps = out.constant() - 1;
  if (steps == 0 || (in.constant() - 1) % steps == 0) return {};
  return {ErrorCode::shape, std::string(what) + ": expected a divisor of " +
                                std::to_string(in.constant() - 1) + ", plus 1, for " + to_string(in) +
                                " of x, got " + to_string(out)};
}

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[0];
  const std::vector<Dim>& size = attrs.dims("size");
  GRAPHRUN_TRY(require_grid(x.shape[1], size[0], "height of y"));
  GRAPHRUN_TRY(require_grid(x.shape[2], size[1], "width of y"));
  outputs = {ValueType::dense(DType::i32, {x.shape[0], size[0], size[1]})};
  return {};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef def = {
      .name = "subsample",
      .doc =
          "Labels on a coarser grid with the same corners: row i of y is row i (H - 1)/(size - 1) of x, "
          "columns alike. The steps must be whole.",
      .inputs = {{.name = "x", .doc = "i32 (N, H, W)", .type = OperandType::dense(DType::i32, 3)}},
      .outputs = {{.name = "y",
                   .doc = "i32 (N, size[0], size[1])",
                   .type = OperandType::dense(DType::i32, 3)}},
      .attrs = {{.name = "size",
                 .kind = AttrKind::integers,
                 .doc = "height and width of y; may depend on sizes",
                 .fallback = std::nullopt,
                 .min = 1,
                 .max = 1 << 24,
                 .length = 2,
                 .symbolic = true}},
      .infer = infer,
      .not_differentiable = "its values are integers",
  };
  return {&def};
}

}  // namespace graphrun::ops::subsample
