#include "ops/pool/definition.h"

#include "ops/common/activation.h"
#include "ops/common/definition.h"

namespace graphrun::ops::pool {

std::vector<AttrSpec> window_attrs(double most) {
  return {{.name = "kernel",
           .kind = AttrKind::integers,
           .doc = "height and width of the window",
           .fallback = std::nullopt,
           .min = 1,
           .max = most,
           .length = 2},
          {.name = "stride",
           .kind = AttrKind::integers,
           .doc = "rows and columns from one window to the next",
           .fallback = AttrValue(Expr(1)),
           .min = 1,
           .max = 1 << 16,
           .length = 2},
          {.name = "padding",
           .kind = AttrKind::integers,
           .doc = "rows and columns added on each side, at most half a window; they never win",
           .fallback = AttrValue(Expr(0)),
           .min = 0,
           .max = 1 << 16,
           .length = 2}};
}

Result<std::vector<Dim>> pooled_shape(const Attributes& attrs, const ValueType& x) {
  std::vector<Dim> shape = x.shape;
  for (const std::size_t axis : {0, 1}) {
    const Dim& kernel = attrs.dims("kernel")[axis];
    const Dim& padding = attrs.dims("padding")[axis];
    if (kernel.is_constant() && padding.is_constant() && 2 * padding.constant() > kernel.constant()) {
      return {ErrorCode::shape, "padding: expected at most half of the window of " + to_string(kernel) +
                                    ", got " + to_string(padding)};
    }
    Dim& extent = shape[axis + 2];
    extent = floor_div(extent + 2 * padding - kernel, attrs.dims("stride")[axis]) + 1;
    GRAPHRUN_TRY(require_positive(extent, axis == 0 ? "height of y" : "width of y"));
  }
  return shape;
}

namespace {

// The gradient keeps a place in its window in a byte.
constexpr double kMaxRows = 16;

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[0];
  GRAPHRUN_ASSIGN(const std::vector<Dim> shape, pooled_shape(attrs, x));
  outputs = {{x.dtype, Layout::nhwc, shape}, {DType::u8, Layout::nhwc, shape}};
  return {};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  return graph.add("max_pool_grad", {request.output_gradients[0], node.outputs[1], node.inputs[0]},
                   node.attrs, "grad");
}

Status infer_grad(const Attributes& attrs, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[2];
  const ValueType* const forward[] = {&x};
  GRAPHRUN_TRY(infer(attrs, forward, outputs));
  GRAPHRUN_TRY(require_same_type(outputs[0], *inputs[0], "gy"));
  GRAPHRUN_TRY(require_same_type(outputs[1], *inputs[1], "index"));
  outputs = {x};
  return {};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef forward = {
      .name = "max_pool",
      .doc =
          "Largest value of each window; the first one where several are equal. Windows that would reach "
          "over the end are left out.",
      .inputs = {{.name = "x", .doc = "activation (N, C, H, W)"}},
      .outputs = {{.name = "y", .doc = "(N, C, floor((H + 2 padding - kernel)/stride) + 1, ...)"},
                  {.name = "index",
                   .doc = "u8, place of the winner in its window, row by row; for the gradient",
                   .type = OperandType::nhwc(DType::u8),
                   .optional = true}},
      .attrs = window_attrs(kMaxRows),
      .infer = infer,
      .gradient = gradient,
      .shares_scale = true,
  };
  static const OpDef backward = {
      .name = "max_pool_grad",
      .doc = "Gradient of max_pool: each value goes back to the winner of its window.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "index", .doc = "max_pool's index", .type = OperandType::nhwc(DType::u8)},
                 {.name = "x", .doc = "the input of max_pool", .shape_only = true}},
      .outputs = {{.name = "gx", .doc = "gradient of x"}},
      .attrs = window_attrs(kMaxRows),
      .infer = infer_grad,
      .not_differentiable = "second derivatives are not offered",
      .internal = true,
  };
  return {&forward, &backward, &average_definition(), &average_gradient_definition()};
}

}  // namespace graphrun::ops::pool
