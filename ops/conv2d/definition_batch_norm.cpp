#include "ops/batch_norm/names.h"
#include "ops/common/definition.h"
#include "ops/conv2d/definition.h"

namespace graphrun::ops::conv2d {
namespace {

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  const Dim& channels = attrs.dim("out_channels");
  GRAPHRUN_ASSIGN(ValueType y, convolved(attrs, *inputs[kX], channels));
  GRAPHRUN_TRY(require_weight(attrs, *inputs[kWeight], channels, inputs[kX]->shape[1]));
  for (std::size_t i = kBias; i <= kBnVar; ++i) {
    if (inputs[i] == nullptr) continue;
    GRAPHRUN_TRY(require_shape(*inputs[i], {channels}, with_batch_norm_definition().inputs[i].name));
  }
  if (inputs[kResidual] != nullptr) GRAPHRUN_TRY(require_same_type(y, *inputs[kResidual], "residual"));
  outputs = {std::move(y)};
  return {};
}

std::vector<ValueId> parts(const Node& node, GraphWriter& graph) {
  const std::vector<ValueId>& in = node.inputs;
  AttrMap convolution = window_of(node.attrs);
  convolution.merge(pick_attrs(node.attrs, {"out_channels", "carry"}));
  convolution["bias"] = Expr(in[kBias] == kNoValue ? 0 : 1);
  const ValueId y = graph.add("conv2d", {in[kX], in[kWeight], in[kBias]}, std::move(convolution), "conv")[0];
  return graph.add(batch_norm::kBatchNormEval,
                   {y, in[kBnWeight], in[kBnBias], in[kBnMean], in[kBnVar], in[kResidual]},
                   pick_attrs(node.attrs, {"eps", "activation"}), "bn");
}

// A convolution and the normalisation that alone reads it.
std::optional<Node> match(const Node& norm, const GraphReader& graph) {
  const Node* conv = sole_producer(graph, norm.inputs[0], "conv2d");
  if (conv == nullptr) return std::nullopt;
  Node fused{conv->path + "_bn", {}, conv->attrs, conv->inputs, {}};
  fused.attrs.insert(norm.attrs.begin(), norm.attrs.end());
  fused.attrs.erase("bias");
  fused.inputs.insert(fused.inputs.end(), norm.inputs.begin() + 1, norm.inputs.end());
  return fused;
}

}  // namespace

const OpDef& with_batch_norm_definition() {
  static const OpDef def = [] {
    OpDef op;
    op.name = "conv2d_bn";
    op.doc = "conv2d, then batch_norm with running statistics, then residual and activation, in one pass.";
    op.inputs = {{.name = "x", .doc = "activation (N, C, H, W)"},
                 {.name = "weight", .doc = "(O, C / groups, KH, KW)", .type = kWeightType},
                 {.name = "bias", .doc = "(O), of the convolution", .type = kPerOutput, .optional = true},
                 {.name = "bn_weight", .doc = "(O)", .type = kPerOutput},
                 {.name = "bn_bias", .doc = "(O)", .type = kPerOutput},
                 {.name = "bn_mean", .doc = "(O), running mean", .type = kPerOutput},
                 {.name = "bn_var", .doc = "(O), running variance", .type = kPerOutput},
                 {.name = "residual", .doc = "added before the activation; of y's shape", .optional = true}};
    op.outputs = {{.name = "y", .doc = "of conv2d's shape"}};
    op.attrs = window_attrs();
    op.attrs.push_back({.name = "out_channels",
                        .kind = AttrKind::integer,
                        .doc = "O, channels of y",
                        .fallback = std::nullopt,
                        .min = 1});
    op.attrs.push_back({.name = "eps",
                        .kind = AttrKind::real,
                        .doc = "added to the variance",
                        .fallback = Expr(1e-5),
                        .min = 0});
    op.attrs.push_back({.name = "activation",
                        .kind = AttrKind::text,
                        .doc = "what follows the sum",
                        .fallback = "none",
                        .choices = {"none", "relu"}});
    op.attrs.push_back(carry_attr());
    op.infer = infer;
    op.not_differentiable = "it is made for evaluation only";
    op.decomposition = parts;
    op.fusion = {batch_norm::kBatchNormEval, match};
    op.cost = forward_cost;
    op.in_place = {{0, kResidual}};
    op.internal = true;
    return op;
  }();
  return def;
}

}  // namespace graphrun::ops::conv2d
