#include "graphrun/kernel/op_def.h"
#include "ops/concat/names.h"

namespace graphrun::ops::concat {
namespace {

Status infer(const Attributes&, std::span<const ValueType* const> inputs, std::vector<ValueType>& outputs) {
  const ValueType& first = *inputs[0];
  Dim channels = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string what = "input " + std::to_string(i);
    GRAPHRUN_TRY(require_equal(first.shape[0], inputs[i]->shape[0], "batch of " + what));
    GRAPHRUN_TRY(require_equal(first.shape[2], inputs[i]->shape[2], "height of " + what));
    GRAPHRUN_TRY(require_equal(first.shape[3], inputs[i]->shape[3], "width of " + what));
    channels = channels + inputs[i]->shape[1];
  }
  outputs = {first};
  outputs[0].shape[1] = channels;
  return {};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  std::vector<ValueId> gradients(node.inputs.size(), kNoValue);
  Dim begin = 0;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const Dim count = graph.type(node.inputs[i]).shape[1];
    if (request.needed[i]) {
      gradients[i] =
          graph.add("slice_channels", {request.output_gradients[0]},
                    {{"begin", to_expr(begin)}, {"count", to_expr(count)}}, "grad" + std::to_string(i))[0];
    }
    begin = begin + count;
  }
  return gradients;
}

Status infer_slice(const Attributes& attrs, std::span<const ValueType* const> inputs,
                   std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[0];
  const Dim& begin = attrs.dim("begin");
  const Dim& count = attrs.dim("count");
  const Dim end = begin + count;
  if (end.is_constant() && x.shape[1].is_constant() && end.constant() > x.shape[1].constant()) {
    return {ErrorCode::shape,
            "channels " + to_string(begin) + " to " + to_string(end) + " of " + to_string(x)};
  }
  outputs = {x};
  outputs[0].shape[1] = count;
  return {};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef join = {
      .name = kConcat,
      .doc = "Its inputs one after the other along the channels.",
      .inputs = {{.name = "x", .doc = "activations (N, Ci, H, W)", .variadic = true}},
      .outputs = {{.name = "y", .doc = "(N, sum of Ci, H, W)"}},
      .attrs = {},
      .infer = infer,
      .gradient = gradient,
      .shares_scale = true,
  };
  static const OpDef slice = {
      .name = "slice_channels",
      .doc = "Some channels of x, in their order; the gradient of concat.",
      .inputs = {{.name = "x", .doc = "activation (N, C, H, W)"}},
      .outputs = {{.name = "y", .doc = "(N, count, H, W)"}},
      .attrs = {{.name = "begin",
                 .kind = AttrKind::integer,
                 .doc = "first channel",
                 .fallback = std::nullopt,
                 .min = 0,
                 .max = 1 << 24},
                {.name = "count",
                 .kind = AttrKind::integer,
                 .doc = "number of channels",
                 .fallback = std::nullopt,
                 .min = 1,
                 .max = 1 << 24}},
      .infer = infer_slice,
      .not_differentiable = "it only occurs in gradients, and second derivatives are not offered",
      .internal = true,
  };
  return {&join, &slice};
}

}  // namespace graphrun::ops::concat
