#include "ops/common/interpolation.h"
#include "ops/concat/names.h"
#include "ops/conv2d/levels.h"
#include "ops/resize/names.h"

namespace graphrun::ops::conv2d {
namespace {

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  if (attrs.integer("groups") != 1) return {ErrorCode::shape, "groups: expected 1 over a concatenation"};
  if (attrs.integer("place") > static_cast<std::int64_t>(inputs.size() - kLevels))
    return {ErrorCode::shape, "place: there are not so many levels"};
  const Dim& channels = attrs.dim("out_channels");
  const ValueType& x = *inputs[kX];
  GRAPHRUN_ASSIGN(ValueType y, convolved(attrs, x, channels));
  Dim all = x.shape[1];
  for (const ValueType* level : inputs.subspan(kLevels)) {
    GRAPHRUN_TRY(require_equal(x.shape[0], level->shape[0], "batch of levels"));
    all = all + level->shape[1];
  }
  GRAPHRUN_TRY(require_weight(attrs, *inputs[kWeight], channels, all));
  for (std::size_t i = kBias; i <= kBnVar; ++i) {
    if (inputs[i] == nullptr) continue;
    GRAPHRUN_TRY(require_shape(*inputs[i], {channels}, with_pyramid_definition().inputs[i].name));
  }
  outputs = {std::move(y)};
  return {};
}

std::vector<ValueId> parts(const Node& node, GraphWriter& graph) {
  const std::vector<ValueId>& in = node.inputs;
  std::vector<ValueId> members;
  for (std::size_t i = kLevels; i < in.size(); ++i) {
    const std::string suffix = "level" + std::to_string(i - kLevels);
    members.push_back(graph.add(resize::kResize, {in[i], in[kX]}, pick_interpolation(node.attrs), suffix)[0]);
  }
  members.insert(members.begin() + place_of(node.attrs), in[kX]);
  AttrMap convolution = node.attrs;
  for (const std::string_view name : {"mode", "align_corners", "place"}) convolution.erase(std::string(name));
  const ValueId joined = graph.add(concat::kConcat, std::move(members), {}, "concat")[0];
  return graph.add(
      "conv2d_bn",
      {joined, in[kWeight], in[kBias], in[kBnWeight], in[kBnBias], in[kBnMean], in[kBnVar], kNoValue},
      std::move(convolution), "conv");
}

// Attributes that have their default may be there all the same.
bool has_groups(const AttrMap& attrs) {
  const auto groups = attrs.find("groups");
  return groups != attrs.end() && groups->second != AttrValue(Expr(1));
}

// The convolution of a concatenation that it alone reads, of x with values resized for that.
std::optional<Node> match(const Node& conv, const GraphReader& graph) {
  if (conv.inputs[kResidual] != kNoValue || has_groups(conv.attrs)) return std::nullopt;
  const std::optional<Concatenation> joined = resized_concatenation(conv.inputs[kX], graph);
  if (!joined) return std::nullopt;
  Node fused{conv.path, {}, conv.attrs, conv.inputs, {}};
  fused.inputs[kX] = joined->x;
  fused.inputs.resize(kLevels);
  fused.inputs.insert(fused.inputs.end(), joined->levels.begin(), joined->levels.end());
  fused.attrs.insert(joined->attrs.begin(), joined->attrs.end());
  return fused;
}

}  // namespace

const OpDef& with_pyramid_definition() {
  static const OpDef def = [] {
    const OpDef& single = with_batch_norm_definition();
    OpDef op;
    op.name = "conv2d_bn_pyramid";
    op.doc =
        "conv2d_bn over the concatenation of x with the levels, each level resized to x's height and width, "
        "x at "
        "its place among them. "
        "Convolution and interpolation are linear, so a level's share can be computed at the level's size.";
    op.inputs.assign(single.inputs.begin(), single.inputs.begin() + kLevels);
    op.inputs[kWeight].doc = "(O, C + channels of all levels, KH, KW)";
    op.inputs.push_back({.name = "levels", .doc = "activations (N, Ci, Hi, Wi)", .variadic = true});
    op.outputs = single.outputs;
    op.attrs = single.attrs;
    append(op.attrs, interpolation_attrs());
    op.attrs.push_back(place_attr());
    op.infer = infer;
    op.not_differentiable = single.not_differentiable;
    op.decomposition = parts;
    op.fusion = {"conv2d_bn", match};
    op.cost = forward_cost;
    op.internal = true;
    return op;
  }();
  return def;
}

}  // namespace graphrun::ops::conv2d
