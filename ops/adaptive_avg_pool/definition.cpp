#include "graphrun/kernel/op_def.h"

namespace graphrun::ops::adaptive_avg_pool {
namespace {

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[0];
  std::vector<Dim> shape = x.shape;
  for (const std::size_t axis : {0, 1}) {
    const Dim& bins = attrs.dims("output")[axis];
    if (!(bins == Dim(0))) shape[axis + 2] = bins;
  }
  outputs = {{x.dtype, Layout::nhwc, std::move(shape)}};
  return {};
}

Status infer_grad(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_equal(inputs[1]->shape[0], inputs[0]->shape[0], "batch of gy"));
  GRAPHRUN_TRY(require_equal(inputs[1]->shape[1], inputs[0]->shape[1], "channels of gy"));
  outputs = {*inputs[1]};
  return {};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  return graph.add("adaptive_avg_pool_grad", {request.output_gradients[0], request.node.inputs[0]}, {},
                   "grad");
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef forward = {
      .name = "adaptive_avg_pool",
      .doc =
          "Averages over a grid of bins: bin i of n takes the rows floor(i H/n) to ceil((i + 1) H/n) - 1, "
          "columns alike.",
      .inputs = {{.name = "x", .doc = "activation (N, C, H, W)"}},
      .outputs = {{.name = "y", .doc = "(N, C, output[0], output[1])"}},
      .attrs = {{.name = "output",
                 .kind = AttrKind::integers,
                 .doc = "rows and columns of bins; 0 keeps the extent of x",
                 .fallback = std::nullopt,
                 .min = 0,
                 .max = 1 << 24,
                 .length = 2}},
      .infer = infer,
      .gradient = gradient,
  };
  static const OpDef backward = {
      .name = "adaptive_avg_pool_grad",
      .doc = "Gradient of adaptive_avg_pool.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "x", .doc = "the input of adaptive_avg_pool", .shape_only = true}},
      .outputs = {{.name = "gx", .doc = "gradient of x"}},
      .attrs = {},
      .infer = infer_grad,
      .not_differentiable = "second derivatives are not offered",
      .internal = true,
  };
  return {&forward, &backward};
}

}  // namespace graphrun::ops::adaptive_avg_pool
