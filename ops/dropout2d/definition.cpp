#include "ops/common/definition.h"

namespace graphrun::ops::dropout2d {
namespace {

constexpr std::int64_t kStreams = std::int64_t{1} << 31;

// FNV-1a: each dropout of a network draws from a stream of its own, whatever else is in the graph.
std::int64_t stream_of(std::string_view path) {
  std::uint32_t hash = 2166136261u;
  for (const char letter : path) hash = (hash ^ static_cast<unsigned char>(letter)) * 16777619u;
  return hash % kStreams;
}

Status infer_dropout(const Attributes&, std::span<const ValueType* const> inputs,
                     std::vector<ValueType>& outputs) {
  outputs = {*inputs[0]};
  return {};
}

Status infer_with_rng(const Attributes&, std::span<const ValueType* const> inputs,
                      std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_shape(*inputs[1], {3}, "rng"));
  outputs = {*inputs[0]};
  return {};
}

std::vector<ValueId> in_evaluation(const Node& node, GraphWriter&) { return {node.inputs[0]}; }

std::vector<ValueId> train_form(const Node& node, GraphWriter& graph, bool samples) {
  AttrMap attrs = pick_attrs(node.attrs, {"p"});
  attrs["stream"] = Expr(stream_of(node.path));
  if (samples) attrs["samples"] = Expr(1);
  const ValueId rng = graph.input("rng", ValueType::dense(DType::i64, {3}));
  return graph.add("dropout2d_train", {node.inputs[0], rng}, std::move(attrs), "train");
}
std::vector<ValueId> channels_in_training(const Node& node, GraphWriter& graph) {
  return train_form(node, graph, false);
}
std::vector<ValueId> samples_in_training(const Node& node, GraphWriter& graph) {
  return train_form(node, graph, true);
}

std::vector<ValueId> dropout_gradient(const GradientRequest& request, GraphWriter& graph) {
  std::vector<ValueId> gradients(2, kNoValue);
  gradients[0] = graph.add("dropout2d_grad", {request.output_gradients[0], request.node.inputs[1]},
                           request.node.attrs, "grad")[0];
  return gradients;
}

AttrSpec probability(std::string_view doc) {
  return {
      .name = "p", .kind = AttrKind::real, .doc = doc, .fallback = Expr(0.5), .min = 0, .max = 1 - 0x1p-20};
}
AttrSpec stream() {
  return {.name = "stream",
          .kind = AttrKind::integer,
          .doc = "tells the dropouts of a network apart",
          .fallback = {},
          .min = 0,
          .max = static_cast<double>(kStreams - 1)};
}
AttrSpec samples() {
  return {.name = "samples",
          .kind = AttrKind::boolean,
          .doc = "all channels of a sample live or die together",
          .fallback = Expr(0)};
}
constexpr std::string_view kOfChannel = "probability that a channel of a sample is dropped";

InputSpec rng() {
  return {.name = "rng",
          .doc = "i64 (3): seed, iteration, index of the first sample in the global batch",
          .type = OperandType::dense(DType::i64, 1)};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef dropout2d{
      .name = "dropout2d",
      .doc =
          "Drops whole channels of a sample in training and scales the others by 1/(1 - p); the identity in "
          "evaluation. Which are dropped depends on seed, iteration, sample, channel and the node's path "
          "alone.",
      .inputs = {{.name = "x", .doc = "any activation"}},
      .outputs = {{"y", "of the shape of x"}},
      .attrs = {probability(kOfChannel)},
      .infer = infer_dropout,
      .not_differentiable = "it is dropout2d_train when it is differentiated",
      .for_eval = in_evaluation,
      .for_train = channels_in_training};
  static const OpDef drop_path{
      .name = "drop_path",
      .doc =
          "Stochastic depth (Huang et al. 2016): drops x of a whole sample in training and scales the "
          "others' by "
          "1/(1 - p), so that a residual branch is left out at random; the identity in evaluation. Which are "
          "dropped depends on seed, iteration, sample and the node's path alone.",
      .inputs = {{.name = "x", .doc = "any activation"}},
      .outputs = {{"y", "of the shape of x"}},
      .attrs = {probability("probability that a sample is dropped")},
      .infer = infer_dropout,
      .not_differentiable = "it is dropout2d_train when it is differentiated",
      .for_eval = in_evaluation,
      .for_train = samples_in_training};
  static const OpDef train{.name = "dropout2d_train",
                           .doc = "dropout2d and drop_path in training.",
                           .inputs = {{.name = "x", .doc = "any activation"}, rng()},
                           .outputs = {{"y", "of the shape of x"}},
                           .attrs = {probability(kOfChannel), stream(), samples()},
                           .infer = infer_with_rng,
                           .gradient = dropout_gradient,
                           .in_place = {{0, 0}},
                           .internal = true};
  static const OpDef grad{.name = "dropout2d_grad",
                          .doc = "The gradient of dropout2d_train: gy with the same channels dropped.",
                          .inputs = {{.name = "gy", .doc = "gradient of y"}, rng()},
                          .outputs = {{"gx", "gradient of x"}},
                          .attrs = {probability(kOfChannel), stream(), samples()},
                          .infer = infer_with_rng,
                          .not_differentiable = kGradientOnce,
                          .in_place = {{0, 0}},
                          .internal = true};
  return {&dropout2d, &drop_path, &train, &grad};
}

}  // namespace graphrun::ops::dropout2d
