#include "ops/common/definition.h"
#include "ops/pool/definition.h"

namespace graphrun::ops::pool {
namespace {

std::vector<AttrSpec> attrs() {
  std::vector<AttrSpec> attrs = window_attrs(1 << 16);
  attrs.push_back({.name = "count_padding",
                   .kind = AttrKind::boolean,
                   .doc = "padding counts as pixels that are 0; false: an average over the pixels of x alone",
                   .fallback = Expr(1)});
  return attrs;
}

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  GRAPHRUN_ASSIGN(std::vector<Dim> shape, pooled_shape(attrs, *inputs[0]));
  outputs = {{inputs[0]->dtype, Layout::nhwc, std::move(shape)}};
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
  return graph.add("avg_pool_grad", {request.output_gradients[0], node.inputs[0]}, node.attrs, "grad");
}

}  // namespace

const OpDef& average_definition() {
  static const OpDef def = {
      .name = "avg_pool",
      .doc = "Average of each window. Windows that would reach over the end are left out.",
      .inputs = {{.name = "x", .doc = "activation (N, C, H, W)"}},
      .outputs = {{.name = "y", .doc = "(N, C, floor((H + 2 padding - kernel)/stride) + 1, ...)"}},
      .attrs = attrs(),
      .infer = infer,
      .gradient = gradient,
      .shares_scale = true,
  };
  return def;
}

const OpDef& average_gradient_definition() {
  static const OpDef def = {
      .name = "avg_pool_grad",
      .doc = "Gradient of avg_pool: each average's gradient, divided by its pixels, to all of them.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "x", .doc = "the input of avg_pool", .shape_only = true}},
      .outputs = {{.name = "gx", .doc = "gradient of x"}},
      .attrs = attrs(),
      .infer = infer_grad,
      .not_differentiable = kGradientOnce,
      .internal = true,
  };
  return def;
}

}  // namespace graphrun::ops::pool
