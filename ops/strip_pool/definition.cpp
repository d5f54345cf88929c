#include "ops/common/definition.h"
#include "graphrun/kernel/op_def.h"

namespace graphrun::ops::strip_pool {
namespace {

AttrSpec axis_attr() {
  return {.name = "axis",
          .kind = AttrKind::text,
          .doc = "row: averages each row, y is (N, C, H, 1); column: averages each column, y is (N, C, 1, W)",
          .fallback = std::nullopt,
          .choices = {"row", "column"}};
}

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[0];
  outputs = {x};
  outputs[0].shape[attrs.text("axis") == "row" ? 3 : 2] = 1;
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
  return graph.add("strip_pool_grad", {request.output_gradients[0], node.inputs[0]}, node.attrs, "grad");
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef forward = {
      .name = "strip_pool",
      .doc =
          "Strip pooling: the average of each row or of each column. Hou, Zhang, Cheng and Feng, \"Strip "
          "Pooling\", CVPR 2020, eqs. 1 and 2.",
      .inputs = {{.name = "x", .doc = "activation (N, C, H, W)"}},
      .outputs = {{.name = "y", .doc = "(N, C, H, 1) or (N, C, 1, W)"}},
      .attrs = {axis_attr()},
      .infer = infer,
      .gradient = gradient,
  };
  static const OpDef backward = {
      .name = "strip_pool_grad",
      .doc = "Gradient of strip_pool: each average's gradient, divided by its length, along its strip.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "x", .doc = "the input of strip_pool", .shape_only = true}},
      .outputs = {{.name = "gx", .doc = "gradient of x"}},
      .attrs = {axis_attr()},
      .infer = infer_grad,
      .not_differentiable = "second derivatives are not offered",
      .internal = true,
  };
  return {&forward, &backward};
}

}  // namespace graphrun::ops::strip_pool
