#include "graphrun/kernel/op_def.h"
#include "ops/common/activation.h"
#include "ops/common/interpolation.h"
#include "ops/resize/names.h"

namespace graphrun::ops::resize {
namespace {

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[0];
  std::vector<Dim> size = attrs.dims("size");
  const ValueType* like = inputs[1];
  if (like != nullptr) {
    if (!(size[0] == Dim(0)) || !(size[1] == Dim(0)))
      return {ErrorCode::shape, "size: expected none beside like, got (" + to_string(size[0]) + ", " +
                                    to_string(size[1]) + ")"};
    const std::size_t rank = like->shape.size();
    if (rank != 3 && rank != 4)
      return {ErrorCode::shape, "like: expected (N, C, H, W) or (N, H, W), got " + to_string(*like)};
    size = {like->shape[rank - 2], like->shape[rank - 1]};
  }
  GRAPHRUN_TRY(require_positive(size[0], "height of y"));
  GRAPHRUN_TRY(require_positive(size[1], "width of y"));
  outputs = {ValueType{x.dtype, Layout::nhwc, {x.shape[0], x.shape[1], size[0], size[1]}}};
  return {};
}

Status infer_grad(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_equal(inputs[1]->shape[0], inputs[0]->shape[0], "batch of gy"));
  outputs = {*inputs[0]};
  for (const std::size_t axis : {2, 3}) outputs[0].shape[axis] = inputs[1]->shape[axis];
  return {};
}

std::vector<AttrSpec> forward_attrs() {
  std::vector<AttrSpec> attrs = {
      {.name = "size",
       .kind = AttrKind::integers,
       .doc = "height and width of y, where like is not given; may depend on sizes",
       .fallback = AttrValue(Expr(0)),
       .min = 0,
       .max = 1 << 24,
       .length = 2,
       .symbolic = true}};
  append(attrs, interpolation_attrs());
  return attrs;
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  std::vector<ValueId> gradients(request.node.inputs.size(), kNoValue);
  gradients[0] = graph.add(kResizeGrad, {request.output_gradients[0], request.node.inputs[0]},
                           pick_interpolation(request.node.attrs), "grad")[0];
  return gradients;
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef forward = {
      .name = kResize,
      .doc =
          "Interpolation to another size, bilinear with aligned corners where nothing else is said. An "
          "extent "
          "of 1 is repeated.",
      .inputs = {{.name = "x", .doc = "activation (N, C, H, W)"},
                 {.name = "like",
                  .doc = "the value whose height and width y takes: (N, C, H, W) or (N, H, W)",
                  .type = OperandType::any(),
                  .optional = true,
                  .shape_only = true}},
      .outputs = {{.name = "y", .doc = "(N, C, size[0], size[1])"}},
      .attrs = forward_attrs(),
      .infer = infer,
      .gradient = gradient,
      .interpolates = IndexPair{0, 0},
      .shares_scale = true,
  };
  static const OpDef backward = {
      .name = kResizeGrad,
      .doc = "Gradient of resize: the adjoint of the interpolation.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "x", .doc = "of the height and width that gx takes", .shape_only = true}},
      .outputs = {{.name = "gx", .doc = "gradient of resize's input"}},
      .attrs = interpolation_attrs(),
      .infer = infer_grad,
      .not_differentiable = "second derivatives are not offered",
      .internal = true,
  };
  return {&forward, &backward};
}

}  // namespace graphrun::ops::resize
