#include "ops/common/definition.h"
#include "graphrun/kernel/op_def.h"

namespace graphrun::ops::psa_mask {
namespace {

std::vector<AttrSpec> mask_attrs() {
  return {
      {.name = "type",
       .kind = AttrKind::text,
       .doc = "collect: a pixel's mask says how much it takes from each place; distribute: how much it gives",
       .fallback = std::nullopt,
       .choices = {"collect", "distribute"}},
      {.name = "mask",
       .kind = AttrKind::integers,
       .doc = "rows and columns of a mask, odd; of x itself where compact",
       .fallback = std::nullopt,
       .min = 1,
       .max = 1 << 15,
       .length = 2},
      {.name = "compact",
       .kind = AttrKind::boolean,
       .doc = "masks count the places of the map from its corner, not from the pixel",
       .fallback = AttrValue(Expr(0))}};
}

std::string pair_text(const Dim& a, const Dim& b) { return "(" + to_string(a) + ", " + to_string(b) + ")"; }

// What is not known yet is checked at bind.
Status check_mask(const Attributes& attrs, const ValueType& x) {
  const std::vector<Dim>& mask = attrs.dims("mask");
  const std::string got = ", got " + pair_text(mask[0], mask[1]);
  GRAPHRUN_TRY(require_equal(mask[0] * mask[1], x.shape[1], "channels of x"));
  const bool compact = attrs.flag("compact");
  for (const std::size_t axis : {0, 1}) {
    if (!mask[axis].is_constant()) continue;
    const Dim& side = x.shape[axis + 2];
    if (!compact && mask[axis].constant() % 2 == 0)
      return {ErrorCode::shape, "mask: expected odd numbers" + got};
    if (compact && side.is_constant() && !(mask[axis] == side))
      return {ErrorCode::shape,
              "mask: expected the size of x where it is compact, " + pair_text(x.shape[2], x.shape[3]) + got};
  }
  return {};
}

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[0];
  GRAPHRUN_TRY(check_mask(attrs, x));
  outputs = {{x.dtype, Layout::nhwc, {x.shape[0], x.shape[2] * x.shape[3], x.shape[2], x.shape[3]}}};
  return {};
}

Status infer_grad(const Attributes& attrs, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(infer(attrs, inputs.subspan(1), outputs));
  GRAPHRUN_TRY(require_same_type(outputs[0], *inputs[0], "gy"));
  outputs = {*inputs[1]};
  return {};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  return graph.add("psa_mask_grad", {request.output_gradients[0], node.inputs[0]}, node.attrs, "grad");
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef forward = {
      .name = "psa_mask",
      .doc =
          "Attention of every pixel to every pixel, from a mask for each pixel: channel i of pixel p of y "
          "is what p takes from pixel i, or 0 where the mask does not reach. Zhao et al., \"PSANet\", ECCV "
          "2018, section 3.",
      .inputs = {{.name = "x", .doc = "activation (N, mask[0] mask[1], H, W): a mask for each pixel"}},
      .outputs = {{.name = "y", .doc = "(N, H W, H, W)"}},
      .attrs = mask_attrs(),
      .infer = infer,
      .gradient = gradient,
  };
  static const OpDef backward = {
      .name = "psa_mask_grad",
      .doc =
          "Gradient of psa_mask: what each number of a mask was used for; 0 where that is outside the map.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "x", .doc = "the input of psa_mask", .shape_only = true}},
      .outputs = {{.name = "gx", .doc = "gradient of x"}},
      .attrs = mask_attrs(),
      .infer = infer_grad,
      .not_differentiable = "second derivatives are not offered",
      .internal = true,
  };
  return {&forward, &backward};
}

}  // namespace graphrun::ops::psa_mask
