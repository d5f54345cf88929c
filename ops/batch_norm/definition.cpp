#include "ops/batch_norm/names.h"
#include "ops/batch_norm/types.h"

// batch_norm as graphs use it, and its two forms. In training it is bn_moments, bn_finish and bn_apply, so
// that ranks can add their moments up (synchronised batch norm) and the last one can be computed again in the
// backward pass instead of being kept.
namespace graphrun::ops::batch_norm {
namespace {

constexpr std::size_t kResidual = 5;

Status infer(const Attributes&, std::span<const ValueType* const> inputs, std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[0];
  constexpr std::string_view kNames[] = {"weight", "bias", "running_mean", "running_var"};
  for (std::size_t i = 0; i < 4; ++i) GRAPHRUN_TRY(require_per_channel(inputs[1 + i], x.shape[1], kNames[i]));
  outputs = {x};
  return {};
}

Result<std::vector<Dim>> variable_shape(const Attributes&, std::span<const ValueType* const> inputs, int) {
  return std::vector<Dim>{inputs[0]->shape[1]};
}

std::vector<ValueId> in_evaluation(const Node& node, GraphWriter& graph) {
  return graph.add(kBatchNormEval,
                   {node.inputs[0], node.inputs[1], node.inputs[2], node.inputs[3], node.inputs[4],
                    node.inputs[kResidual]},
                   pick_attrs(node.attrs, {"eps", "activation"}), "eval");
}

std::vector<ValueId> in_training(const Node& node, GraphWriter& graph) {
  if (is_set(node.attrs, "frozen")) return in_evaluation(node, graph);
  const ValueId x = node.inputs[0];
  const ValueId moments = graph.add("bn_moments", {x}, {}, "moments")[0];
  const std::vector<ValueId> statistics = graph.add("bn_finish", {moments, node.inputs[3], node.inputs[4]},
                                                    pick_attrs(node.attrs, {"eps", "momentum"}), "finish");
  return graph.add("bn_apply",
                   {x, statistics[0], statistics[1], node.inputs[1], node.inputs[2], node.inputs[kResidual]},
                   pick_attrs(node.attrs, {"activation"}), "apply");
}

// All but x and the residual are constants: the gradient is a factor a channel, and needs y alone.
std::vector<ValueId> eval_gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  const ValueId gy = request.output_gradients[0];
  const bool is_linear = node.attrs.find("activation") == node.attrs.end() ||
                         node.attrs.find("activation")->second == AttrValue("none");
  std::vector<ValueId> gradients(node.inputs.size(), kNoValue);
  const bool into_residual = node.inputs[kResidual] != kNoValue && request.needed[kResidual];
  if (into_residual && is_linear) gradients[kResidual] = gy;
  if (request.needed[0] || (into_residual && !is_linear)) {
    const std::vector<ValueId> results = graph.add(
        "batch_norm_eval_grad", {gy, node.inputs[1], node.inputs[4], is_linear ? kNoValue : node.outputs[0]},
        pick_attrs(node.attrs, {"eps", "activation"}), "grad");
    gradients[0] = results[0];
    if (into_residual && !is_linear) gradients[kResidual] = results[1];
  }
  return gradients;
}

std::vector<InputSpec> graph_inputs() {
  const auto variable = [](std::string_view name, std::string_view doc, VariableKind kind, double value) {
    return InputSpec{.name = name,
                     .doc = doc,
                     .type = kPerChannel,
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
          "y = activation((x - mean)/sqrt(var + eps) * weight + bias + residual), per channel: with mean "
          "and biased variance of the batch in training, with the running ones in evaluation (Ioffe and "
          "Szegedy 2015). Frozen, training uses the running ones, too, and leaves them, weight and bias as "
          "they are.",
      .inputs = graph_inputs(),
      .outputs = {{"y", "of the shape of x"}},
      .attrs = {eps_attr(),
                momentum_attr(),
                activation_attr(),
                {.name = "frozen",
                 .kind = AttrKind::boolean,
                 .doc = "nothing of it changes in training",
                 .fallback = Expr(0)}},
      .infer = infer,
      .variable_shape = variable_shape,
      .not_differentiable = "it is bn_apply or batch_norm_eval when it is differentiated",
      .for_eval = in_evaluation,
      .for_train = in_training};
  static const OpDef eval{
      .name = kBatchNormEval,
      .doc = "batch_norm with given statistics.",
      .inputs = {x_input(), channel_input("weight", "scale of each channel (C)", true),
                 channel_input("bias", "offset of each channel (C)", true),
                 channel_input("mean", "of each channel (C)", true),
                 channel_input("var", "variance of each channel (C)", true), residual_input()},
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
