#include "ops/common/definition.h"
#include "ops/activation/names.h"
#include "ops/elementwise/names.h"

namespace graphrun::ops::elementwise {
namespace {

// The extent of the result: equal ones, or 1 against any.
Result<Dim> broadcast(const Dim& a, const Dim& b, std::string_view what) {
  if (a == b || b == Dim(1)) return a;
  if (a == Dim(1)) return b;
  return {ErrorCode::shape, std::string(what) + " of a and b: expected equal extents or 1, got " +
                                to_string(a) + " and " + to_string(b)};
}

Status infer_pair(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  const ValueType& a = *inputs[0];
  const ValueType& b = *inputs[1];
  GRAPHRUN_TRY(require_equal(a.shape[0], b.shape[0], "batch of a and b"));
  GRAPHRUN_ASSIGN(Dim channels, broadcast(a.shape[1], b.shape[1], "channels"));
  GRAPHRUN_ASSIGN(Dim height, broadcast(a.shape[2], b.shape[2], "height"));
  GRAPHRUN_ASSIGN(Dim width, broadcast(a.shape[3], b.shape[3], "width"));
  outputs = {ValueType::activation(a.shape[0], std::move(channels), std::move(height), std::move(width))};
  outputs[0].dtype = a.dtype;
  return {};
}

Status infer_reduce_to(const Attributes&, std::span<const ValueType* const> inputs,
                       std::vector<ValueType>& outputs) {
  const ValueType& g = *inputs[0];
  const ValueType& like = *inputs[1];
  GRAPHRUN_TRY(require_equal(g.shape[0], like.shape[0], "batch of like"));
  constexpr std::string_view kNames[] = {"channels of like", "height of like", "width of like"};
  for (const std::size_t axis : {1, 2, 3}) {
    if (like.shape[axis] == Dim(1)) continue;
    GRAPHRUN_TRY(require_equal(g.shape[axis], like.shape[axis], kNames[axis - 1]));
  }
  outputs = {like};
  return {};
}

// The gradient of an operand: summed over the axes along which it was broadcast.
ValueId reduced(ValueId g, ValueId operand, GraphWriter& graph, std::string_view suffix) {
  if (graph.type(g).shape == graph.type(operand).shape) return g;
  return graph.add("reduce_to", {g, operand}, {}, suffix)[0];
}

std::vector<ValueId> add_gradient(const GradientRequest& request, GraphWriter& graph) {
  ValueId g = request.output_gradients[0];
  const auto activation = request.node.attrs.find("activation");
  if (activation != request.node.attrs.end() && activation->second == AttrValue("relu")) {
    g = graph.add(activation::kReluGrad, {g, request.node.outputs[0]}, {}, "grad_relu")[0];
  }
  std::vector<ValueId> gradients(2, kNoValue);
  if (request.needed[0]) gradients[0] = reduced(g, request.node.inputs[0], graph, "grad_a");
  if (request.needed[1]) gradients[1] = reduced(g, request.node.inputs[1], graph, "grad_b");
  return gradients;
}

std::vector<ValueId> mul_gradient(const GradientRequest& request, GraphWriter& graph) {
  const ValueId g = request.output_gradients[0];
  const ValueId a = request.node.inputs[0];
  const ValueId b = request.node.inputs[1];
  std::vector<ValueId> gradients(2, kNoValue);
  if (request.needed[0]) {
    gradients[0] = reduced(graph.add(kMultiply, {g, b}, {}, "grad_a")[0], a, graph, "grad_a_sum");
  }
  if (request.needed[1]) {
    gradients[1] = reduced(graph.add(kMultiply, {g, a}, {}, "grad_b")[0], b, graph, "grad_b_sum");
  }
  return gradients;
}

const std::vector<InputSpec>& operands() {
  static const std::vector<InputSpec> specs{
      {.name = "a", .doc = "any activation"},
      {.name = "b", .doc = "of the same N; C, H and W equal, or 1 in one of the two, which is broadcast"}};
  return specs;
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef add{.name = kAdd,
                         .doc = "y = activation(a + b), broadcast over C, H and W.",
                         .inputs = operands(),
                         .outputs = {{"y", "of the larger extents"}},
                         .attrs = {{.name = "activation",
                                    .kind = AttrKind::text,
                                    .doc = "applied to the sum",
                                    .fallback = "none",
                                    .choices = {"none", "relu"}}},
                         .infer = infer_pair,
                         .gradient = add_gradient,
                         .role = OpRole::add,
                         .in_place = {{0, 0}, {0, 1}}};
  static const OpDef mul{.name = kMultiply,
                         .doc = "y = a * b, broadcast over C, H and W.",
                         .inputs = operands(),
                         .outputs = {{"y", "of the larger extents"}},
                         .attrs = {},
                         .infer = infer_pair,
                         .gradient = mul_gradient,
                         .in_place = {{0, 0}, {0, 1}}};
  static const OpDef reduce_to{
      .name = "reduce_to",
      .doc = "Sums g over those of C, H and W where `like` has extent 1: the gradient of broadcasting.",
      .inputs = {{.name = "g", .doc = "any activation"},
                 {.name = "like", .doc = "its shape is the result's", .shape_only = true}},
      .outputs = {{"y", "of the shape of like"}},
      .attrs = {},
      .infer = infer_reduce_to,
      .not_differentiable = kGradientOnce,
      .internal = true};
  return {&add, &mul, &reduce_to};
}

}  // namespace graphrun::ops::elementwise
