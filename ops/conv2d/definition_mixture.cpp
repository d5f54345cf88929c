#include <algorithm>

#include "ops/batch_norm/names.h"
#include "ops/common/interpolation.h"
#include "ops/conv2d/levels.h"
#include "ops/elementwise/names.h"
#include "ops/resize/names.h"

// What training makes of a convolution with a window of one pixel over a concatenation with resized maps:
// such a convolution and interpolation may change places, so that each map is multiplied at its own size,
// forward and backward, and nothing of the concatenation is ever there.
namespace graphrun::ops::conv2d {
namespace {

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  if (attrs.integer("place") > static_cast<std::int64_t>(inputs.size() - kMixtureLevels))
    return {ErrorCode::shape, "place: there are not so many levels"};
  const Dim& channels = attrs.dim("out_channels");
  Dim all = inputs[kX]->shape[1];
  for (const ValueType* level : inputs.subspan(kMixtureLevels)) {
    GRAPHRUN_TRY(require_equal(inputs[kX]->shape[0], level->shape[0], "batch of levels"));
    all = all + level->shape[1];
  }
  const ValueType& weight = *inputs[kWeight];
  if (weight.shape.size() == 2) {
    GRAPHRUN_TRY(require_shape(weight, {channels, all}, "weight"));
  } else {
    GRAPHRUN_TRY(require_shape(weight, {channels, all, 1, 1}, "weight"));
  }
  if (inputs[kBias] != nullptr) GRAPHRUN_TRY(require_shape(*inputs[kBias], {channels}, "bias"));
  outputs = {*inputs[kX]};
  outputs[0].shape[1] = channels;
  return {};
}

// A map that is mixed in, with its part of the weight.
struct Member {
  std::size_t input;
  AttrMap part;  // of the weight's channels
};

// In the order of the weight's channels.
std::vector<Member> members_of(const Node& node, GraphWriter& graph) {
  std::vector<std::size_t> order;
  for (std::size_t i = kMixtureLevels; i < node.inputs.size(); ++i) order.push_back(i);
  order.insert(order.begin() + place_of(node.attrs), kX);
  std::vector<Member> members;
  Dim begin = 0;
  for (const std::size_t input : order) {
    const Dim count = graph.type(node.inputs[input]).shape[1];
    members.push_back({input, {{"begin", to_expr(begin)}, {"count", to_expr(count)}}});
    begin = begin + count;
  }
  return members;
}

AttrMap one_pixel() { return {{"kernel", Expr(1)}}; }

std::vector<ValueId> parts(const Node& node, GraphWriter& graph) {
  const std::vector<ValueId>& in = node.inputs;
  ValueId sum = kNoValue;
  for (const Member& member : members_of(node, graph)) {
    const std::string suffix = std::to_string(member.input);
    const ValueId weight = graph.add("slice_weight", {in[kWeight]}, member.part, "weight" + suffix)[0];
    AttrMap attrs = one_pixel();
    attrs.merge(pick_attrs(node.attrs, {"out_channels"}));
    const bool bias = member.input == kX && in[kBias] != kNoValue;
    attrs["bias"] = Expr(bias ? 1 : 0);
    ValueId y = graph.add("conv2d", {in[member.input], weight, bias ? in[kBias] : kNoValue}, std::move(attrs),
                          "conv" + suffix)[0];
    if (member.input != kX)
      y = graph.add(resize::kResize, {y, in[kX]}, pick_interpolation(node.attrs), "resize" + suffix)[0];
    sum = sum == kNoValue ? y : graph.add(elementwise::kAdd, {sum, y}, {}, "sum" + suffix)[0];
  }
  return {sum};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  const std::vector<ValueId>& in = node.inputs;
  std::vector<ValueId> gradients(in.size(), kNoValue);
  std::vector<ValueId> of_weight;
  for (const Member& member : members_of(node, graph)) {
    const std::string suffix = std::to_string(member.input);
    const ValueId x = in[member.input];
    ValueId gy = request.output_gradients[0];
    if (member.input != kX)
      gy = graph.add(resize::kResizeGrad, {gy, x}, pick_interpolation(node.attrs), "grad_resize" + suffix)[0];
    const ValueId weight = graph.add("slice_weight", {in[kWeight]}, member.part, "grad_part" + suffix)[0];
    if (request.needed[member.input])
      gradients[member.input] =
          graph.add("conv2d_grad_data", {gy, weight, x}, one_pixel(), "grad_data" + suffix)[0];
    const bool bias = member.input == kX && in[kBias] != kNoValue && request.needed[kBias];
    if (!request.needed[kWeight] && !bias) continue;
    const auto of_part =
        graph.add("conv2d_grad_weight", {gy, x, weight}, one_pixel(), "grad_weight" + suffix);
    of_weight.push_back(of_part[0]);
    if (bias) gradients[kBias] = of_part[1];
  }
  if (request.needed[kWeight])
    gradients[kWeight] = graph.add("join_weights", std::move(of_weight), {}, "grad_weight")[0];
  return gradients;
}

bool is_number(const AttrMap& attrs, std::string_view name, std::int64_t number, std::int64_t fallback) {
  const auto found = attrs.find(name);
  if (found == attrs.end()) return fallback == number;
  if (const Expr* expr = std::get_if<Expr>(&found->second)) return *expr == Expr(number);
  const auto* list = std::get_if<std::vector<Expr>>(&found->second);
  return list != nullptr &&
         std::ranges::all_of(*list, [&](const Expr& expr) { return expr == Expr(number); });
}

// Batch norm with running statistics goes into a convolution of another kind.
bool is_normalised(const Node& conv, const GraphReader& graph) {
  for (const Node* reader : graph.readers(conv.outputs[0])) {
    if (reader != nullptr && reader->op == batch_norm::kBatchNormEval) return true;
  }
  return false;
}

std::optional<Node> match(const Node& conv, const GraphReader& graph) {
  const AttrMap& attrs = conv.attrs;
  const bool is_pixel = is_number(attrs, "kernel", 1, 0) && is_number(attrs, "stride", 1, 1) &&
                        is_number(attrs, "padding", 0, 0) && is_number(attrs, "groups", 1, 1);
  if (!is_pixel || is_normalised(conv, graph)) return std::nullopt;
  std::optional<Concatenation> joined = resized_concatenation(conv.inputs[kX], graph);
  if (!joined) return std::nullopt;
  Node fused{conv.path, {}, pick_attrs(attrs, {"out_channels"}), conv.inputs, {}};
  fused.inputs[kX] = joined->x;
  fused.inputs.insert(fused.inputs.end(), joined->levels.begin(), joined->levels.end());
  fused.attrs.merge(joined->attrs);
  return fused;
}

double cost(const Attributes&, std::span<const ValueType* const> inputs,
            std::span<const ValueType* const> outputs) {
  return product_cost(*outputs[0], *inputs[kWeight]);
}

}  // namespace

const OpDef& mixture_definition() {
  static const OpDef def = [] {
    OpDef op;
    op.name = "conv2d_mixture";
    op.doc =
        "conv2d with a window of one pixel over the concatenation of x with the levels, each level resized "
        "to x's "
        "height and width, x at its place among them. Each is multiplied by its part of the weight at its "
        "own "
        "size.";
    op.inputs = {{.name = "x", .doc = "activation (N, C, H, W)"},
                 {.name = "weight", .doc = "(O, C + channels of all levels, 1, 1)", .type = kWeightType},
                 {.name = "bias", .doc = "(O)", .type = kPerOutput, .optional = true},
                 {.name = "levels", .doc = "activations (N, Ci, Hi, Wi)", .variadic = true}};
    op.outputs = {{.name = "y", .doc = "(N, O, H, W)"}};
    op.attrs = {{.name = "out_channels",
                 .kind = AttrKind::integer,
                 .doc = "O, channels of y",
                 .fallback = std::nullopt,
                 .min = 1,
                 .max = 1 << 24},
                place_attr()};
    append(op.attrs, interpolation_attrs());
    op.infer = infer;
    op.gradient = gradient;
    op.decomposition = parts;
    op.fusion = {"conv2d", match};
    op.cost = cost;
    op.internal = true;
    return op;
  }();
  return def;
}

}  // namespace graphrun::ops::conv2d
