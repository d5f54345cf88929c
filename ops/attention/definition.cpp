#include "ops/common/definition.h"
#include "ops/common/activation.h"

namespace graphrun::ops::attention {
namespace {

std::vector<AttrSpec> attrs() {
  return {{.name = "heads",
           .kind = AttrKind::integer,
           .doc = "divides the channels of all: heads attend apart, each to its own part of the channels",
           .fallback = Expr(1),
           .min = 1,
           .max = 1 << 16,
           .structural = true},
          {.name = "scale",
           .kind = AttrKind::real,
           .doc = "what products are multiplied by; 0: 1 / sqrt(channels of a head)",
           .fallback = Expr(0)}};
}

Status require_heads(const Attributes& attrs, const Dim& channels, std::string_view what) {
  const std::int64_t heads = attrs.integer("heads");
  if (!channels.is_constant() || (channels.constant() >= heads && channels.constant() % heads == 0))
    return {};
  return {ErrorCode::shape, std::string(what) + ": expected a multiple of heads, " + std::to_string(heads) +
                                ", got " + to_string(channels)};
}

// q, k and v to y and log_sum.
Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  const ValueType& q = *inputs[0];
  const ValueType& k = *inputs[1];
  const ValueType& v = *inputs[2];
  GRAPHRUN_TRY(require_heads(attrs, q.shape[1], "channels of q"));
  GRAPHRUN_TRY(require_heads(attrs, v.shape[1], "channels of v"));
  GRAPHRUN_TRY(require_equal(q.shape[0], k.shape[0], "batch of k"));
  GRAPHRUN_TRY(require_equal(q.shape[1], k.shape[1], "channels of k"));
  GRAPHRUN_TRY(require_shape(v, {k.shape[0], v.shape[1], k.shape[2], k.shape[3]}, "v"));
  GRAPHRUN_TRY(require_positive(k.shape[2], "height of k"));
  GRAPHRUN_TRY(require_positive(k.shape[3], "width of k"));
  ValueType y = q;
  y.shape[1] = v.shape[1];
  outputs = {std::move(y),
             ValueType::dense(DType::f32, {q.shape[0], Dim(attrs.integer("heads")), q.shape[2], q.shape[3]})};
  return {};
}

Status infer_grad(const Attributes& attrs, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(infer(attrs, inputs.subspan(1, 3), outputs));
  GRAPHRUN_TRY(require_same_type(outputs[0], *inputs[0], "gy"));
  GRAPHRUN_TRY(require_same_type(outputs[1], *inputs[5], "log_sum"));
  if (inputs[6] != nullptr) GRAPHRUN_TRY(require_same_type(outputs[1], *inputs[6], "glog_sum"));
  outputs = {*inputs[1], *inputs[2], *inputs[3]};
  return {};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  if (request.output_gradients[0] == kNoValue) return std::vector<ValueId>(3, kNoValue);
  const auto of = graph.add("attention_grad",
                            {request.output_gradients[0], node.inputs[0], node.inputs[1], node.inputs[2],
                             node.outputs[0], node.outputs[1], request.output_gradients[1]},
                            node.attrs, "grad");
  std::vector<ValueId> gradients(3, kNoValue);
  for (std::size_t i = 0; i < 3; ++i) {
    if (request.needed[i]) gradients[i] = of[i];
  }
  return gradients;
}

// 2 for each channel of each pair of a query and a key.
double pairs_cost(const ValueType& q, const ValueType& k, double channels) {
  const auto extent = [](const ValueType& type, std::size_t axis) {
    return static_cast<double>(type.shape[axis].constant());
  };
  return 2 * extent(q, 0) * extent(q, 2) * extent(q, 3) * extent(k, 2) * extent(k, 3) * channels;
}
double channels_of(const ValueType& type) { return static_cast<double>(type.shape[1].constant()); }

double cost(const Attributes&, std::span<const ValueType* const> inputs, std::span<const ValueType* const>) {
  return pairs_cost(*inputs[0], *inputs[1], channels_of(*inputs[0]) + channels_of(*inputs[2]));
}
// The weights are computed again.
double cost_grad(const Attributes&, std::span<const ValueType* const> inputs,
                 std::span<const ValueType* const>) {
  return pairs_cost(*inputs[1], *inputs[2], 3 * channels_of(*inputs[1]) + 2 * channels_of(*inputs[3]));
}

constexpr OperandType kOfQueries = OperandType::dense(DType::f32, 4);  // (N, heads, H, W)

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef forward = {
      .name = "attention",
      .doc =
          "Scaled dot-product attention: each pixel of y is an average of v's pixels, weighted by the "
          "softmax "
          "over k's pixels of scale q k (Vaswani et al. 2017, eq. 1), for each head apart. The weights are "
          "never held as a whole, in training neither: Dao et al. 2022.",
      .inputs = {{.name = "q", .doc = "queries (N, C, H, W)"},
                 {.name = "k", .doc = "keys (N, C, Hk, Wk)"},
                 {.name = "v", .doc = "values (N, Cv, Hk, Wk)"}},
      .outputs = {{.name = "y", .doc = "(N, Cv, H, W)"},
                  {.name = "log_sum",
                   .doc = "f32 (N, heads, H, W): the logarithm of a softmax's denominator; for the gradient",
                   .type = kOfQueries,
                   .optional = true}},
      .attrs = attrs(),
      .infer = infer,
      .gradient = gradient,
      .cost = cost,
  };
  static const OpDef backward = {
      .name = "attention_grad",
      .doc = "Gradients of attention. Weights are computed again, a block at a time.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "q", .doc = "attention's q"},
                 {.name = "k", .doc = "attention's k"},
                 {.name = "v", .doc = "attention's v"},
                 {.name = "y", .doc = "attention's y", .type = OperandType::same_as(0)},
                 {.name = "log_sum", .doc = "attention's log_sum", .type = kOfQueries},
                 {.name = "glog_sum", .doc = "gradient of log_sum", .type = kOfQueries, .optional = true}},
      .outputs = {{.name = "gq", .doc = "gradient of q", .optional = true},
                  {.name = "gk", .doc = "gradient of k", .optional = true},
                  {.name = "gv", .doc = "gradient of v", .optional = true}},
      .attrs = attrs(),
      .infer = infer_grad,
      .not_differentiable = kGradientOnce,
      .cost = cost_grad,
      .internal = true,
  };
  return {&forward, &backward};
}

}  // namespace graphrun::ops::attention
