#include "ops/batch_norm/types.h"

// batch_norm as graphs use it, and its two forms. In training it is bn_moments, bn_finish and bn_apply, so
// that ranks can add their moments up (synchronised batch norm) and the last one can be computed again in the
// backward pass instead of being kept.
namespace graphrun::ops::batch_norm {
namespace {

Status infer(const Attributes&, std::span<const ValueType* const> inputs, std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[0];
  GRAPHRUN_TRY(require_activation(x, "x"));
  constexpr std::string_view kNames[] = {"weight", "bias", "running_mean", "running_var"};
  for (std::size_t i = 0; i < 4; ++i) GRAPHRUN_TRY(require_per_channel(inputs[1 + i], x.shape[1], kNames[i]));
  if (inputs.size() > 5 && inputs[5] != nullptr) GRAPHRUN_TRY(require_same_shape(x, *inputs[5], "residual"));
  outputs = {x};
  return {};
}

Result<std::vector<Dim>> variable_shape(const Attributes&, std::span<const ValueType* const> inputs, int) {
  GRAPHRUN_TRY(require_activation(*inputs[0], "x"));
  return std::vector<Dim>{inputs[0]->shape[1]};
}

ValueId residual_of(const Node& node) { return node.inputs.size() > 5 ? node.inputs[5] : kNoValue; }

std::vector<ValueId> in_evaluation(const Node& node, GraphWriter& graph) {
  return graph.add(
      "batch_norm_eval",
      {node.inputs[0], node.inputs[1], node.inputs[2], node.inputs[3], node.inputs[4], residual_of(node)},
      pick_attrs(node.attrs, {"eps", "activation"}), "eval");
}

std::vector<ValueId> in_training(const Node& node, GraphWriter& graph) {
  const ValueId x = node.inputs[0];
  const ValueId moments = graph.add("bn_moments", {x}, {}, "moments")[0];
  const std::vector<ValueId> statistics = graph.add("bn_finish", {moments, node.inputs[3], node.inputs[4]},
                                                    pick_attrs(node.attrs, {"eps", "momentum"}), "finish");
  return graph.add("bn_apply",
                   {x, statistics[0], statistics[1], node.inputs[1], node.inputs[2], residual_of(node)},
                   pick_attrs(node.attrs, {"activation"}), "apply");
}

// Frozen statistics are constants: the gradient is that of bn_apply without the terms that go through them.
std::vector<ValueId> eval_gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  const ValueId inv_std =
      graph.add("bn_inv_std", {node.inputs[4]}, pick_attrs(node.attrs, {"eps"}), "grad_inv_std")[0];
  const ValueId residual = residual_of(node);
  const ValueId y = residual == kNoValue ? kNoValue : node.outputs[0];
  const AttrMap activation = pick_attrs(node.attrs, {"activation"});
  const std::vector<ValueId> sums = graph.add("bn_grad_sums",
                                              {request.output_gradients[0], node.inputs[0], node.inputs[3],
                                               inv_std, node.inputs[1], node.inputs[2], y},
                                              activation, "grad_sums");
  AttrMap attrs = activation;
  attrs["through_statistics"] = Expr(0);
  const std::vector<ValueId> applied = graph.add("bn_grad_apply",
                                                 {request.output_gradients[0], sums[0], node.inputs[0],
                                                  node.inputs[3], inv_std, node.inputs[1], node.inputs[2], y},
                                                 std::move(attrs), "grad_apply");
  std::vector<ValueId> gradients{applied[0], sums[1], sums[2], kNoValue, kNoValue};
  if (node.inputs.size() > 5) gradients.push_back(residual == kNoValue ? kNoValue : applied[1]);
  return gradients;
}

std::vector<InputSpec> graph_inputs() {
  const auto variable = [](std::string_view name, std::string_view doc, VariableKind kind, double value) {
    return InputSpec{.name = name,
                     .doc = doc,
                     .is_variable = true,
                     .variable = kind,
                     .init = {.kind = InitKind::constant, .a = value}};
  };
  return {x_input(),
          variable("weight", "scale of each channel (C)", VariableKind::parameter, 1),
          variable("bias", "offset of each channel (C)", VariableKind::parameter, 0),
          variable("running_mean", "mean over past batches (C)", VariableKind::buffer, 0),
          variable("running_var", "unbiased variance over past batches (C)", VariableKind::buffer, 1),
          residual_input()};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef batch_norm{
      .name = "batch_norm",
      .doc =
          "y = activation((x - mean)/sqrt(var + eps) * weight + bias + residual), per channel: with mean and "
          "biased variance of the batch in training, with the running ones in evaluation "
          "(Ioffe and Szegedy 2015).",
      .inputs = graph_inputs(),
      .outputs = {{"y", "of the shape of x"}},
      .attrs = {eps_attr(), momentum_attr(), activation_attr()},
      .infer = infer,
      .variable_shape = variable_shape,
      .not_differentiable = "it is bn_apply or batch_norm_eval when it is differentiated",
      .for_eval = in_evaluation,
      .for_train = in_training};
  static const OpDef eval{.name = "batch_norm_eval",
                          .doc = "batch_norm with given statistics.",
                          .inputs = {x_input(),
                                     {.name = "weight", .doc = "scale of each channel (C)"},
                                     {.name = "bias", .doc = "offset of each channel (C)"},
                                     {.name = "mean", .doc = "of each channel (C)"},
                                     {.name = "var", .doc = "variance of each channel (C)"},
                                     residual_input()},
                          .outputs = {{"y", "of the shape of x"}},
                          .attrs = {eps_attr(), activation_attr()},
                          .infer = infer,
                          .gradient = eval_gradient,
                          .in_place = {{0, 0}, {0, 5}},
                          .internal = true};
  std::vector<const OpDef*> all{&batch_norm, &eval};
  for (auto* more : {forward_definitions, gradient_definitions}) {
    const std::vector<const OpDef*> defs = more();
    all.insert(all.end(), defs.begin(), defs.end());
  }
  return all;
}

}  // namespace graphrun::ops::batch_norm
