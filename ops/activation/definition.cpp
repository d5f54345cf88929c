#include "ops/common/definition.h"
#include "ops/activation/names.h"

namespace graphrun::ops::activation {
namespace {

Status infer_same(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  outputs = {*inputs[0]};
  return {};
}

// Gradient of the op <name>, which is the op <name>_grad.
std::vector<ValueId> gradient_from_y(const GradientRequest& request, GraphWriter& graph) {
  return graph.add(request.node.op + "_grad", {request.output_gradients[0], request.node.outputs[0]}, {},
                   "grad");
}
std::vector<ValueId> gradient_from_x(const GradientRequest& request, GraphWriter& graph) {
  return graph.add(request.node.op + "_grad", {request.output_gradients[0], request.node.inputs[0]},
                   request.node.attrs, "grad");
}

OpDef forward(std::string_view name, std::string_view doc, OpDef::Gradient gradient,
              std::vector<AttrSpec> attrs = {}) {
  return {.name = name,
          .doc = doc,
          .inputs = {{.name = "x", .doc = "any activation"}},
          .outputs = {{"y", "of the shape of x"}},
          .attrs = std::move(attrs),
          .infer = infer_same,
          .gradient = gradient,
          .in_place = {{0, 0}}};
}

// `from`: the input that the gradient is computed from beside gy.
OpDef backward(std::string_view name, std::string_view doc, InputSpec from,
               std::vector<AttrSpec> attrs = {}) {
  from.type = OperandType::same_as(0);
  return {.name = name,
          .doc = doc,
          .inputs = {{.name = "gy", .doc = "gradient of y"}, std::move(from)},
          .outputs = {{"gx", "gradient of x"}},
          .attrs = std::move(attrs),
          .infer = infer_same,
          .not_differentiable = kGradientOnce,
          .in_place = {{0, 0}, {0, 1}},
          .internal = true};
}

AttrSpec slope() {
  return {.name = "slope", .kind = AttrKind::real, .doc = "where x is negative", .fallback = Expr(0.01)};
}
AttrSpec approximate() {
  return {.name = "approximate",
          .kind = AttrKind::text,
          .doc = "none, or tanh: P(x) is taken as (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))/2",
          .fallback = "none",
          .choices = {"none", "tanh"}};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const InputSpec x{.name = "x", .doc = "the activation's input"};
  static const std::vector<OpDef> all{
      forward("relu", "y = max(x, 0).", gradient_from_y),
      backward(kReluGrad, "The gradient of relu: gy where y > 0, else 0.",
               {.name = "y", .doc = "what relu gave"}),
      forward("sigmoid", "y = 1/(1 + exp(-x)).", gradient_from_y),
      backward("sigmoid_grad", "The gradient of sigmoid: gy * y * (1 - y).",
               {.name = "y", .doc = "what sigmoid gave"}),
      forward("relu6", "y = min(max(x, 0), 6).", gradient_from_x),
      backward("relu6_grad", "The gradient of relu6: gy where 0 < x < 6, else 0.", x),
      forward("leaky_relu", "y = x where x > 0, else slope * x.", gradient_from_x, {slope()}),
      backward("leaky_relu_grad", "The gradient of leaky_relu: gy where x > 0, else slope * gy.", x,
               {slope()}),
      forward("hard_sigmoid", "y = min(max(x + 3, 0), 6)/6.", gradient_from_x),
      backward("hard_sigmoid_grad", "The gradient of hard_sigmoid: gy/6 where -3 < x < 3, else 0.", x),
      forward("hard_swish", "y = x min(max(x + 3, 0), 6)/6.", gradient_from_x),
      backward("hard_swish_grad",
               "The gradient of hard_swish: 0 where x < -3, gy where x > 3, else gy (x/3 + 1/2).", x),
      forward("silu", "y = x/(1 + exp(-x)).", gradient_from_x),
      backward("silu_grad", "The gradient of silu.", x),
      forward("gelu", "y = x P(x), P being the distribution function of the standard normal distribution.",
              gradient_from_x, {approximate()}),
      backward("gelu_grad", "The gradient of gelu.", x, {approximate()})};
  std::vector<const OpDef*> pointers;
  pointers.reserve(std::size(all));
  for (const OpDef& def : all) pointers.push_back(&def);
  return pointers;
}

}  // namespace graphrun::ops::activation
