#include "ops/common/definition.h"
#include "graphrun/kernel/op_def.h"

namespace graphrun::ops::matmul {
namespace {

Status infer(const Attributes&, std::span<const ValueType* const> inputs, std::vector<ValueType>& outputs) {
  const ValueType& a = *inputs[0];
  const ValueType& x = *inputs[1];
  GRAPHRUN_TRY(require_equal(x.shape[0], a.shape[0], "batch of a"));
  GRAPHRUN_TRY(require_equal(x.shape[2] * x.shape[3], a.shape[1], "channels of a, one for each pixel of x"));
  outputs = {{x.dtype, Layout::nhwc, {x.shape[0], x.shape[1], a.shape[2], a.shape[3]}}};
  return {};
}

// gy (N, C, H, W), x (N, C, Hs, Ws) to the gradient of a.
Status infer_grad_a(const Attributes&, std::span<const ValueType* const> inputs,
                    std::vector<ValueType>& outputs) {
  const ValueType& gy = *inputs[0];
  const ValueType& x = *inputs[1];
  GRAPHRUN_TRY(require_equal(x.shape[0], gy.shape[0], "batch of gy"));
  GRAPHRUN_TRY(require_equal(x.shape[1], gy.shape[1], "channels of gy"));
  outputs = {{gy.dtype, Layout::nhwc, {gy.shape[0], x.shape[2] * x.shape[3], gy.shape[2], gy.shape[3]}}};
  return {};
}

Status infer_grad_x(const Attributes& attrs, std::span<const ValueType* const> inputs,
                    std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(infer(attrs, inputs.subspan(1), outputs));
  GRAPHRUN_TRY(require_same_type(outputs[0], *inputs[0], "gy"));
  outputs = {*inputs[2]};
  return {};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const ValueId gy = request.output_gradients[0];
  const ValueId a = request.node.inputs[0];
  const ValueId x = request.node.inputs[1];
  std::vector<ValueId> gradients(2, kNoValue);
  if (request.needed[0]) gradients[0] = graph.add("matmul_grad_a", {gy, x}, {}, "grad_a")[0];
  if (request.needed[1]) gradients[1] = graph.add("matmul_grad_x", {gy, a, x}, {}, "grad_x")[0];
  return gradients;
}

// Each element of y is a sum of `inner` products.
double product_cost(const ValueType& y, double inner) { return 2 * element_count(y) * inner; }
double channels(const ValueType& type) { return static_cast<double>(type.shape[1].constant()); }

double cost(const Attributes&, std::span<const ValueType* const> inputs,
            std::span<const ValueType* const> outputs) {
  return product_cost(*outputs[0], channels(*inputs[0]));
}
double cost_grad_x(const Attributes&, std::span<const ValueType* const> inputs,
                   std::span<const ValueType* const> outputs) {
  const ValueType& gy = *inputs[0];
  return product_cost(*outputs[0], static_cast<double>(gy.shape[2].constant() * gy.shape[3].constant()));
}

constexpr std::string_view kOnce = "second derivatives are not offered";

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef forward = {
      .name = "matmul",
      .doc =
          "The product of two matrices for each image, pixels being rows and channels columns: each pixel "
          "of y is a sum of all pixels of x, with the weights that the channels of a's pixel are.",
      .inputs = {{.name = "a", .doc = "activation (N, Hx Wx, H, W)"},
                 {.name = "x", .doc = "activation (N, C, Hx, Wx)"}},
      .outputs = {{.name = "y", .doc = "(N, C, H, W)"}},
      .attrs = {},
      .infer = infer,
      .gradient = gradient,
      .cost = cost,
  };
  static const OpDef grad_a = {
      .name = "matmul_grad_a",
      .doc = "Gradient of matmul by a: gy times x transposed.",
      .inputs = {{.name = "gy", .doc = "gradient of y"}, {.name = "x", .doc = "matmul's x"}},
      .outputs = {{.name = "ga", .doc = "gradient of a"}},
      .attrs = {},
      .infer = infer_grad_a,
      .not_differentiable = kOnce,
      .cost = cost,
      .internal = true,
  };
  static const OpDef grad_x = {
      .name = "matmul_grad_x",
      .doc = "Gradient of matmul by x: a transposed times gy.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "a", .doc = "matmul's a"},
                 {.name = "x", .doc = "matmul's x", .shape_only = true}},
      .outputs = {{.name = "gx", .doc = "gradient of x"}},
      .attrs = {},
      .infer = infer_grad_x,
      .not_differentiable = kOnce,
      .cost = cost_grad_x,
      .internal = true,
  };
  return {&forward, &grad_a, &grad_x};
}

}  // namespace graphrun::ops::matmul
