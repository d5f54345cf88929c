#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "ops.h"

// Generalised cross entropy (Zhang and Sabuncu 2018), which wrong labels hurt less than cross entropy: the
// mean of (1 - p^q) / q over the labelled pixels, where p is the probability of a pixel's label; q near 0 is
// cross entropy, 1 is the mean absolute error.
//
// As graphrun's own losses it is written as two nodes: sums, which ranks add up before anybody divides, and
// the mean.
namespace {

using namespace graphrun;

AttrSpec exponent() {
  return {.name = "q",
          .kind = AttrKind::real,
          .doc = "how little wrong labels count",
          .fallback = AttrValue(Expr(0.7)),
          .min = 0.01,
          .max = 1};
}
AttrSpec ignore_label() {
  return {.name = "ignore_label",
          .kind = AttrKind::integer,
          .doc = "pixels with this label count nowhere",
          .fallback = AttrValue(Expr(255)),
          .min = std::numeric_limits<std::int32_t>::min(),
          .max = std::numeric_limits<std::int32_t>::max()};
}
InputSpec logits_input() { return {.name = "logits", .doc = "activation (N, C, H, W)"}; }
InputSpec label_input() {
  return {.name = "label",
          .doc = "i32 (N, H, W): classes 0 to C - 1, or ignore_label",
          .type = OperandType::dense(DType::i32, 3)};
}
constexpr OperandType kTotals = OperandType::dense(DType::f64, 1);

// A label for every pixel.
Status require_label(const ValueType& label, const ValueType& logits) {
  GRAPHRUN_TRY(require_equal(logits.shape[0], label.shape[0], "batch of label"));
  GRAPHRUN_TRY(require_equal(logits.shape[2], label.shape[1], "height of label"));
  return require_equal(logits.shape[3], label.shape[2], "width of label");
}

Status infer_loss(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  outputs = {ValueType::dense(DType::f32, {})};
  return require_label(*inputs[1], *inputs[0]);
}
Status infer_totals(const Attributes&, std::span<const ValueType* const> inputs,
                    std::vector<ValueType>& outputs) {
  outputs = {ValueType::dense(DType::f64, {2})};
  return require_label(*inputs[1], *inputs[0]);
}
Status infer_grad(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  outputs = {*inputs[1]};
  GRAPHRUN_TRY(require_equal(inputs[0]->shape[0], 2, "gtotals"));
  return require_label(*inputs[2], *inputs[1]);
}

std::vector<ValueId> as_sums_and_mean(const Node& node, GraphWriter& graph) {
  return graph.add("mean_loss", graph.add("robust_totals", node.inputs, node.attrs, "totals"), {}, "mean");
}
std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const std::vector<ValueId>& inputs = request.node.inputs;
  const ValueId glogits = graph.add("robust_grad", {request.output_gradients[0], inputs[0], inputs[1]},
                                    request.node.attrs, "grad")[0];
  return {glogits, kNoValue};
}

// How a pixel's logits become probabilities.
struct Softmax {
  float largest;
  float sum;
  float of(float logit) const { return std::exp(logit - largest) / sum; }
};
template <class T>
Softmax softmax(const T* logits, std::int64_t classes) {
  Softmax result{static_cast<float>(*logits), 0};
  for (std::int64_t c = 1; c < classes; ++c)
    result.largest = std::max(result.largest, static_cast<float>(logits[c]));
  for (std::int64_t c = 0; c < classes; ++c)
    result.sum += std::exp(static_cast<float>(logits[c]) - result.largest);
  return result;
}

// The sums of one row of an image. Rows are summed side by side and then added in their order, so that the
// loss does not depend on the number of threads.
struct RowSums {
  double loss;
  double pixels;
  std::int32_t wrong;  // a label that is no class; else the ignored one
};

template <class T>
std::unique_ptr<Kernel> totals(const KernelRequest& request) {
  const TensorDesc desc = request.inputs[0];
  const auto q = static_cast<float>(request.attrs.real("q"));
  const auto ignored = static_cast<std::int32_t>(request.attrs.integer("ignore_label"));
  const std::int64_t rows = desc.n() * desc.h();
  const auto bytes = static_cast<std::int64_t>(sizeof(RowSums)) * rows;
  return make_kernel("robust_totals", bytes, [=, threads = request.threads](const KernelRun& run) -> Status {
    auto* const sums = static_cast<RowSums*>(run.scratch);
    parallel_for(threads, rows, [&](std::int64_t row) {
      RowSums sum{0, 0, ignored};
      for (std::int64_t pixel = row * desc.w(); pixel < (row + 1) * desc.w(); ++pixel) {
        const std::int32_t label = run.inputs[1].as<const std::int32_t>()[pixel];
        if (label == ignored) continue;
        if (label < 0 || label >= desc.c()) {
          sum.wrong = label;
          break;
        }
        const T* const logits = run.inputs[0].as<const T>() + pixel * desc.pixel_stride;
        const float p = softmax(logits, desc.c()).of(static_cast<float>(logits[label]));
        sum.loss += static_cast<double>((1 - std::pow(p, q)) / q);
        sum.pixels += 1;
      }
      sums[row] = sum;
    });
    double* const total = run.outputs[0].as<double>();
    total[0] = total[1] = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
      if (sums[row].wrong != ignored)
        return {ErrorCode::invalid_argument, "label " + std::to_string(sums[row].wrong) + " is no class"};
      total[0] += sums[row].loss;
      total[1] += sums[row].pixels;
    }
    return {};
  });
}

// By logit c of a pixel with label y: p_y^q * (p_c - [c = y]), times the gradient of the sum.
template <class T>
std::unique_ptr<Kernel> grad(const KernelRequest& request) {
  const TensorDesc desc = request.inputs[1];
  const TensorDesc result = request.outputs[0];
  const auto q = static_cast<float>(request.attrs.real("q"));
  const auto ignored = static_cast<std::int32_t>(request.attrs.integer("ignore_label"));
  return make_kernel("robust_grad", 0, [=, threads = request.threads](const KernelRun& run) -> Status {
    const auto factor = static_cast<float>(run.inputs[0].as<const double>()[0]);
    parallel_for(threads, desc.pixels(), [&](std::int64_t pixel) {
      const T* const logits = run.inputs[1].as<const T>() + pixel * desc.pixel_stride;
      T* const to = run.outputs[0].as<T>() + pixel * result.pixel_stride;
      const std::int32_t label = run.inputs[2].as<const std::int32_t>()[pixel];
      if (label == ignored) {
        std::fill_n(to, desc.c(), T(0.0F));
        return;
      }
      const Softmax probability = softmax(logits, desc.c());
      const float weight = factor * std::pow(probability.of(static_cast<float>(logits[label])), q);
      for (std::int64_t c = 0; c < desc.c(); ++c)
        to[c] = T(weight * (probability.of(static_cast<float>(logits[c])) - (c == label ? 1.0F : 0.0F)));
    });
    return {};
  });
}

const OpDef kLoss{.name = "robust_loss",
                  .doc = "Mean of (1 - p^q) / q over the labelled pixels of all ranks.",
                  .inputs = {logits_input(), label_input()},
                  .outputs = {{.name = "loss", .doc = "f32 scalar", .type = OperandType::scalar(DType::f32)}},
                  .attrs = {exponent(), ignore_label()},
                  .precision = Precision::always_f32,
                  .infer = infer_loss,
                  .not_differentiable = "it is written as robust_totals and mean_loss, which are",
                  .for_eval = as_sums_and_mean,
                  .for_train = as_sums_and_mean};
const OpDef kLossTotals{.name = "robust_totals",
                        .doc = "The sums that robust_loss averages.",
                        .inputs = {logits_input(), label_input()},
                        .outputs = {{.name = "totals",
                                     .doc = "f64 (2): sum of (1 - p^q) / q, count of pixels",
                                     .type = kTotals,
                                     .reduction = Reduction::loss}},
                        .attrs = {exponent(), ignore_label()},
                        .precision = Precision::always_f32,
                        .infer = infer_totals,
                        .gradient = gradient,
                        .internal = true};
const OpDef kLossGrad{.name = "robust_grad",
                      .doc = "Gradient of robust_totals.",
                      .inputs = {{.name = "gtotals", .doc = "f64 (2): gradient of totals", .type = kTotals},
                                 logits_input(),
                                 label_input()},
                      .outputs = {{.name = "glogits", .doc = "gradient of logits"}},
                      .attrs = {exponent(), ignore_label()},
                      .infer = infer_grad,
                      .not_differentiable = "gradients are taken once",
                      .internal = true};

}  // namespace

std::vector<const OpDef*> robust_loss_ops() { return {&kLoss, &kLossTotals, &kLossGrad}; }

std::vector<KernelEntry> robust_loss_kernels() {
  const auto forward = [](const KernelRequest& request) {
    return for_activations(request, [&]<class T>(T) { return totals<T>(request); });
  };
  const auto backward = [](const KernelRequest& request) {
    return for_activations(request, [&]<class T>(T) { return grad<T>(request); });
  };
  return {{"robust_totals", "loop", forward, "cpu"}, {"robust_grad", "loop", backward, "cpu"}};
}
