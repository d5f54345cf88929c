#include "ops/conv2d/definition.h"

#include "ops/common/activation.h"
#include "ops/common/definition.h"

namespace graphrun::ops::conv2d {
namespace {

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  const Dim& channels = attrs.dim("out_channels");
  GRAPHRUN_ASSIGN(ValueType y, convolved(attrs, *inputs[0], channels));
  GRAPHRUN_TRY(require_weight(attrs, *inputs[1], channels, inputs[0]->shape[1]));
  if (inputs[2] != nullptr) GRAPHRUN_TRY(require_shape(*inputs[2], {channels}, "bias"));
  outputs = {std::move(y)};
  return {};
}

Result<std::vector<Dim>> variable_shape(const Attributes& attrs, std::span<const ValueType* const> inputs,
                                        int index) {
  const Dim& channels = attrs.dim("out_channels");
  if (index == 2) return std::vector<Dim>{channels};
  const std::vector<Dim>& kernel = attrs.dims("kernel");
  GRAPHRUN_ASSIGN(const Dim of_group, channels_of_group(attrs, channels, inputs[0]->shape[1]));
  return std::vector<Dim>{channels, of_group, kernel[0], kernel[1]};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  const ValueId gy = request.output_gradients[0];
  const ValueId x = node.inputs[0];
  const ValueId weight = node.inputs[1];
  std::vector<ValueId> gradients(node.inputs.size(), kNoValue);
  if (request.needed[0])
    gradients[0] = graph.add("conv2d_grad_data", {gy, weight, x}, window_of(node.attrs), "grad_data")[0];
  const bool bias = node.inputs[2] != kNoValue && request.needed[2];
  if (request.needed[1] || bias) {
    const auto of_weight =
        graph.add("conv2d_grad_weight", {gy, x, weight}, window_of(node.attrs), "grad_weight");
    if (request.needed[1]) gradients[1] = of_weight[0];
    if (bias) gradients[2] = of_weight[1];
  }
  return gradients;
}

AttrSpec pair(std::string_view name, std::string_view doc, std::optional<AttrValue> fallback, double min) {
  return {.name = name,
          .kind = AttrKind::integers,
          .doc = doc,
          .fallback = std::move(fallback),
          .min = min,
          .max = 1 << 16,
          .length = 2};
}

}  // namespace

std::vector<AttrSpec> window_attrs() {
  return {pair("kernel", "extents of the window: height, width", std::nullopt, 1),
          pair("stride", "pixels from window to window", Expr(1), 1),
          pair("padding", "zeros on each side of x: above and below, left and right", Expr(0), 0),
          pair("dilation", "pixels from tap to tap", Expr(1), 1),
          {.name = "groups",
           .kind = AttrKind::integer,
           .doc = "divides C and O: outputs of the i-th group read the i-th group of channels alone",
           .fallback = Expr(1),
           .min = 1,
           .max = 1 << 24,
           .structural = true}};
}

AttrMap window_of(const AttrMap& attrs) {
  return pick_attrs(attrs, {"kernel", "stride", "padding", "dilation", "groups"});
}

Result<ValueType> convolved(const Attributes& attrs, const ValueType& x, const Dim& channels) {
  ValueType y = x;
  y.shape[1] = channels;
  for (const std::size_t axis : {0, 1}) {
    const auto at = [&](std::string_view name) -> const Dim& { return attrs.dims(name)[axis]; };
    const Dim reach = at("dilation") * (at("kernel") - 1) + 1;
    Dim& extent = y.shape[2 + axis];
    extent = floor_div(extent + 2 * at("padding") - reach, at("stride")) + 1;
    GRAPHRUN_TRY(require_positive(extent, axis == 0 ? "height of y" : "width of y"));
  }
  return y;
}

Result<Dim> channels_of_group(const Attributes& attrs, const Dim& channels, const Dim& inputs) {
  const std::int64_t groups = attrs.integer("groups");
  if (groups == 1) return inputs;
  for (const auto& [extent, what] : {std::pair(&inputs, "channels of x"), {&channels, "out_channels"}}) {
    if (extent->is_constant() && extent->constant() % groups != 0)
      return {ErrorCode::shape, std::string(what) + ": expected a multiple of groups, " +
                                    std::to_string(groups) + ", got " + to_string(*extent)};
  }
  return floor_div(inputs, Dim(groups));
}

Status require_weight(const Attributes& attrs, const ValueType& weight, const Dim& channels,
                      const Dim& inputs) {
  const std::vector<Dim>& kernel = attrs.dims("kernel");
  GRAPHRUN_ASSIGN(const Dim of_group, channels_of_group(attrs, channels, inputs));
  if (weight.shape.size() == 2 && kernel[0] == Dim(1) && kernel[1] == Dim(1))
    return require_shape(weight, {channels, of_group}, "weight");
  return require_shape(weight, {channels, of_group, kernel[0], kernel[1]}, "weight");
}

double product_cost(const ValueType& y, const ValueType& weight) {
  const double pixels = element_count(y) / static_cast<double>(y.shape[1].constant());
  return 2 * pixels * element_count(weight);
}

double forward_cost(const Attributes&, std::span<const ValueType* const> inputs,
                    std::span<const ValueType* const> outputs) {
  return product_cost(*outputs[0], *inputs[kWeight]);
}

std::vector<InputSpec> layer_inputs(std::string_view weight_doc) {
  return {{.name = "x", .doc = "activation (N, C, H, W)"},
          {.name = "weight",
           .doc = weight_doc,
           .type = kWeightType,
           .is_variable = true,
           .init = {.kind = InitKind::uniform_fan_in}},
          {.name = "bias",
           .doc = "(O), added to each pixel",
           .type = kPerOutput,
           .optional = true,
           .is_variable = true,
           .init = {.kind = InitKind::uniform_fan_in},
           .if_attribute = "bias"}};
}

std::vector<AttrSpec> layer_attrs(std::vector<AttrSpec> window) {
  window.push_back({.name = "out_channels",
                    .kind = AttrKind::integer,
                    .doc = "O, channels of y",
                    .fallback = std::nullopt,
                    .min = 1,
                    .max = 1 << 24});
  window.push_back(
      {.name = "bias", .kind = AttrKind::boolean, .doc = "whether there is a bias", .fallback = Expr(0)});
  return window;
}

AttrSpec carry_attr() {
  return {.name = "carry",
          .kind = AttrKind::boolean,
          .doc =
              "evaluation in bf16, before a batch norm, on the CPU: what rounding takes from a weight is "
              "given to the window's next one, so that sums over a window keep their value. Pixels beside "
              "each other are alike, so errors of deep decoders become a third smaller",
          .fallback = Expr(0)};
}

const OpDef& forward_definition() {
  static const OpDef forward = [] {
    OpDef def;
    def.name = "conv2d";
    def.doc = "Two-dimensional convolution (cross-correlation) with zero padding, and an optional bias.";
    def.inputs = layer_inputs("(O, C / groups, KH, KW)");
    def.outputs = {{.name = "y", .doc = "(N, O, floor((H + 2 p - d (k - 1) - 1)/s) + 1, likewise for W)"}};
    def.attrs = layer_attrs(window_attrs());
    def.attrs.push_back(carry_attr());
    def.infer = infer;
    def.variable_shape = variable_shape;
    def.gradient = gradient;
    def.cost = forward_cost;
    return def;
  }();
  return forward;
}

std::vector<const OpDef*> definitions() {
  return {&forward_definition(),
          &linear_definition(),
          &grad_data_definition(),
          &grad_weight_definition(),
          &with_batch_norm_definition(),
          &with_pyramid_definition(),
          &mixture_definition(),
          &slice_weight_definition(),
          &join_weights_definition(),
          &transpose_definition(),
          &transpose_grad_data_definition(),
          &transpose_grad_weight_definition()};
}

}  // namespace graphrun::ops::conv2d
