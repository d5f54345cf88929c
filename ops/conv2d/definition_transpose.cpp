#include "ops/common/activation.h"
#include "ops/common/definition.h"
#include "ops/conv2d/definition.h"

// conv_transpose2d is the gradient of a convolution by its input, so its own gradients are that convolution
// and the convolution's gradient by its weight.
namespace graphrun::ops::conv2d {
namespace {

std::vector<AttrSpec> transpose_attrs() {
  std::vector<AttrSpec> attrs = window_attrs();
  attrs.push_back(
      {.name = "output_padding",
       .kind = AttrKind::integers,
       .doc = "rows below and columns to the right of y beyond what the windows reach; less than stride",
       .fallback = Expr(0),
       .min = 0,
       .max = 1 << 16,
       .length = 2});
  return attrs;
}
AttrMap transpose_of(const AttrMap& attrs) {
  AttrMap picked = window_of(attrs);
  picked.merge(pick_attrs(attrs, {"output_padding"}));
  return picked;
}

// y's type from x's and the number of its channels.
Result<ValueType> transposed(const Attributes& attrs, const ValueType& x, const Dim& channels) {
  ValueType y = x;
  y.shape[1] = channels;
  for (const std::size_t axis : {0, 1}) {
    const auto at = [&](std::string_view name) -> const Dim& { return attrs.dims(name)[axis]; };
    const Dim& stride = at("stride");
    const Dim& more = at("output_padding");
    if (stride.is_constant() && more.is_constant() && more.constant() >= stride.constant())
      return {ErrorCode::shape,
              "output_padding: expected less than stride, " + to_string(stride) + ", got " + to_string(more)};
    Dim& extent = y.shape[2 + axis];
    extent = (extent - 1) * stride - 2 * at("padding") + at("dilation") * (at("kernel") - 1) + more + 1;
    GRAPHRUN_TRY(require_positive(extent, axis == 0 ? "height of y" : "width of y"));
  }
  return y;
}

// The weight is (C, O / groups, KH, KW).
Status require_transposed_weight(const Attributes& attrs, const ValueType& weight, const ValueType& x,
                                 const Dim& channels) {
  return require_weight(attrs, weight, x.shape[1], channels);
}

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  const Dim& channels = attrs.dim("out_channels");
  GRAPHRUN_ASSIGN(ValueType y, transposed(attrs, *inputs[kX], channels));
  GRAPHRUN_TRY(require_transposed_weight(attrs, *inputs[kWeight], *inputs[kX], channels));
  if (inputs[kBias] != nullptr) GRAPHRUN_TRY(require_shape(*inputs[kBias], {channels}, "bias"));
  outputs = {std::move(y)};
  return {};
}

Result<std::vector<Dim>> variable_shape(const Attributes& attrs, std::span<const ValueType* const> inputs,
                                        int index) {
  const Dim& channels = attrs.dim("out_channels");
  if (index == 2) return std::vector<Dim>{channels};
  const std::vector<Dim>& kernel = attrs.dims("kernel");
  const Dim& of_x = inputs[kX]->shape[1];
  GRAPHRUN_ASSIGN(const Dim of_group, channels_of_group(attrs, of_x, channels));
  return std::vector<Dim>{of_x, of_group, kernel[0], kernel[1]};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  const ValueId gy = request.output_gradients[0];
  const ValueId x = node.inputs[kX];
  const ValueId weight = node.inputs[kWeight];
  std::vector<ValueId> gradients(node.inputs.size(), kNoValue);
  if (request.needed[0])
    gradients[0] =
        graph.add("conv_transpose2d_grad_data", {gy, weight, x}, transpose_of(node.attrs), "grad_data")[0];
  const bool bias = node.inputs[kBias] != kNoValue && request.needed[2];
  if (request.needed[1] || bias) {
    const auto of_weight =
        graph.add("conv_transpose2d_grad_weight", {gy, x, weight}, transpose_of(node.attrs), "grad_weight");
    if (request.needed[1]) gradients[1] = of_weight[0];
    if (bias) gradients[2] = of_weight[1];
  }
  return gradients;
}

Status require_gradient(const Attributes& attrs, const ValueType& gy, const ValueType& weight,
                        const ValueType& x) {
  GRAPHRUN_ASSIGN(const ValueType y, transposed(attrs, x, gy.shape[1]));
  GRAPHRUN_TRY(require_same_type(y, gy, "gy"));
  return require_transposed_weight(attrs, weight, x, gy.shape[1]);
}

Status infer_grad_data(const Attributes& attrs, std::span<const ValueType* const> inputs,
                       std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_gradient(attrs, *inputs[0], *inputs[1], *inputs[2]));
  outputs = {*inputs[2]};
  return {};
}

Status infer_grad_weight(const Attributes& attrs, std::span<const ValueType* const> inputs,
                         std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_gradient(attrs, *inputs[0], *inputs[2], *inputs[1]));
  outputs = {*inputs[2], ValueType::dense(DType::f32, {inputs[0]->shape[1]})};
  return {};
}

// Each pixel of x meets the whole weight.
double cost(const Attributes&, std::span<const ValueType* const> inputs, std::span<const ValueType* const>) {
  return product_cost(*inputs[kX], *inputs[kWeight]);
}
double cost_grad_data(const Attributes&, std::span<const ValueType* const> inputs,
                      std::span<const ValueType* const> outputs) {
  return product_cost(*outputs[0], *inputs[1]);
}
double cost_grad_weight(const Attributes&, std::span<const ValueType* const> inputs,
                        std::span<const ValueType* const>) {
  return product_cost(*inputs[1], *inputs[2]);
}

constexpr std::string_view kWeightDoc = "(C, O / groups, KH, KW)";

}  // namespace

const OpDef& transpose_definition() {
  static const OpDef def = [] {
    OpDef op;
    op.name = "conv_transpose2d";
    op.doc =
        "Transposed convolution, with an optional bias: each pixel of x adds its multiple of the window to "
        "y, "
        "windows lying stride apart. The gradient of conv2d by its input.";
    op.inputs = layer_inputs(kWeightDoc);
    op.outputs = {
        {.name = "y", .doc = "(N, O, (H - 1) s - 2 p + d (k - 1) + output_padding + 1, likewise for W)"}};
    op.attrs = layer_attrs(transpose_attrs());
    op.infer = infer;
    op.variable_shape = variable_shape;
    op.gradient = gradient;
    op.cost = cost;
    return op;
  }();
  return def;
}

const OpDef& transpose_grad_data_definition() {
  static const OpDef def = {
      .name = "conv_transpose2d_grad_data",
      .doc = "Gradient of conv_transpose2d by x: the convolution of gy.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "weight", .doc = kWeightDoc, .type = kWeightType},
                 {.name = "x", .doc = "conv_transpose2d's x", .shape_only = true}},
      .outputs = {{.name = "gx", .doc = "gradient of x"}},
      .attrs = transpose_attrs(),
      .infer = infer_grad_data,
      .not_differentiable = kGradientOnce,
      .cost = cost_grad_data,
      .internal = true,
  };
  return def;
}

const OpDef& transpose_grad_weight_definition() {
  static const OpDef def = {
      .name = "conv_transpose2d_grad_weight",
      .doc = "Gradients of conv_transpose2d by weight and bias, summed over all pixels of all images.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "x", .doc = "conv_transpose2d's x"},
                 {.name = "weight", .doc = kWeightDoc, .type = kWeightType, .shape_only = true}},
      .outputs = {{.name = "gweight", .doc = "gradient of weight", .type = kWeightType, .optional = true},
                  {.name = "gbias", .doc = "gradient of bias, (O)", .type = kPerOutput, .optional = true}},
      .attrs = transpose_attrs(),
      .infer = infer_grad_weight,
      .not_differentiable = kGradientOnce,
      .cost = cost_grad_weight,
      .internal = true,
  };
  return def;
}

}  // namespace graphrun::ops::conv2d
