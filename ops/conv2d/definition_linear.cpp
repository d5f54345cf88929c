#include "ops/common/definition.h"
#include "ops/conv2d/definition.h"

// A linear layer is a convolution with a window of one pixel, but for the shape of its weight.
namespace graphrun::ops::conv2d {
namespace {

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  const Dim& channels = attrs.dim("out_channels");
  GRAPHRUN_TRY(require_shape(*inputs[kWeight], {channels, inputs[kX]->shape[1]}, "weight"));
  if (inputs[kBias] != nullptr) GRAPHRUN_TRY(require_shape(*inputs[kBias], {channels}, "bias"));
  outputs = {*inputs[kX]};
  outputs[0].shape[1] = channels;
  return {};
}

Result<std::vector<Dim>> variable_shape(const Attributes& attrs, std::span<const ValueType* const> inputs,
                                        int index) {
  const Dim& channels = attrs.dim("out_channels");
  if (index == kBias) return std::vector<Dim>{channels};
  return std::vector<Dim>{channels, inputs[kX]->shape[1]};
}

std::vector<ValueId> as_convolution(const Node& node, GraphWriter& graph) {
  AttrMap attrs = pick_attrs(node.attrs, {"out_channels"});
  attrs["kernel"] = Expr(1);
  attrs["bias"] = Expr(node.inputs[kBias] == kNoValue ? 0 : 1);
  return graph.add("conv2d", node.inputs, std::move(attrs), "conv");
}

}  // namespace

const OpDef& linear_definition() {
  static const OpDef def = [] {
    OpDef op;
    op.name = "linear";
    op.doc =
        "A linear layer on the channels of each pixel: y = weight x + bias. A conv2d with a window of one "
        "pixel, "
        "whose weight is a matrix.";
    op.inputs = layer_inputs("(O, C)");
    op.inputs[kWeight].type = OperandType::dense(DType::f32, 2);
    op.outputs = {{.name = "y", .doc = "(N, O, H, W)"}};
    op.attrs = layer_attrs({});
    op.attrs.back().fallback = Expr(1);
    op.infer = infer;
    op.variable_shape = variable_shape;
    op.not_differentiable = "it is always written as conv2d, which is";
    op.for_eval = as_convolution;
    op.for_train = as_convolution;
    return op;
  }();
  return def;
}

}  // namespace graphrun::ops::conv2d
