#include <algorithm>
#include <cmath>
#include <memory>

#include "graphrun/kernel/op_module.h"

// Ops as a stranger brings them: an activation with its gradient, a loss with its gradient, and a kernel for
// an op that graphrun has.
namespace {

using namespace graphrun;

// A kernel that is a function of its run and of the elements of input `counted`.
template <class Body>
class Loop final : public Kernel {
 public:
  Loop(std::string_view name, Body body) : name_(name), body_(body) {}
  std::string_view name() const override { return name_; }
  Status run(const KernelRun& run) override {
    body_(run);
    return {};
  }

 private:
  std::string_view name_;
  Body body_;
};
template <class Body>
Result<std::unique_ptr<Kernel>> make(std::string_view name, Body body) {
  return std::unique_ptr<Kernel>(std::make_unique<Loop<Body>>(name, body));
}

// For f32 without gaps between pixels: one run over all elements.
Status require_plain(const KernelRequest& request) {
  for (const auto& operands : {request.inputs, request.outputs}) {
    for (const TensorDesc& desc : operands) {
      const bool gaps = desc.layout == Layout::nhwc && desc.pixel_stride != desc.c();
      if (desc.dtype != DType::f32 || gaps) return {ErrorCode::declined, "f32 without gaps only"};
    }
  }
  return {};
}

// softsign: x / (1 + |x|), times `scale`.
Status infer_softsign(const Attributes&, std::span<const ValueType* const> inputs,
                      std::vector<ValueType>& outputs) {
  outputs = {*inputs[0]};
  return {};
}
std::vector<ValueId> softsign_gradient(const GradientRequest& request, GraphWriter& graph) {
  return graph.add("softsign_grad", {request.output_gradients[0], request.node.inputs[0]}, request.node.attrs,
                   "grad");
}
double softsign_cost(const Attributes&, std::span<const ValueType* const> inputs,
                     std::span<const ValueType* const>) {
  return 2 * element_count(*inputs[0]);
}
Result<std::unique_ptr<Kernel>> softsign(const KernelRequest& request) {
  GRAPHRUN_TRY(require_plain(request));
  return make("softsign", [scale = static_cast<float>(request.attrs.real("scale")),
                           count = request.inputs[0].shape.count()](const KernelRun& run) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float x = run.inputs[0].as<const float>()[i];
      run.outputs[0].as<float>()[i] = scale * x / (1 + std::abs(x));
    }
  });
}
Result<std::unique_ptr<Kernel>> softsign_grad(const KernelRequest& request) {
  GRAPHRUN_TRY(require_plain(request));
  return make("softsign_grad", [scale = static_cast<float>(request.attrs.real("scale")),
                                count = request.inputs[0].shape.count()](const KernelRun& run) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float root = 1 + std::abs(run.inputs[1].as<const float>()[i]);
      run.outputs[0].as<float>()[i] = scale * run.inputs[0].as<const float>()[i] / (root * root);
    }
  });
}

// mean_square: the mean of x^2.
Status infer_mean_square(const Attributes&, std::span<const ValueType* const>,
                         std::vector<ValueType>& outputs) {
  outputs = {ValueType::dense(DType::f32, {})};
  return {};
}
Status infer_mean_square_grad(const Attributes&, std::span<const ValueType* const> inputs,
                              std::vector<ValueType>& outputs) {
  outputs = {*inputs[1]};
  return {};
}
std::vector<ValueId> mean_square_gradient(const GradientRequest& request, GraphWriter& graph) {
  return graph.add("mean_square_grad", {request.output_gradients[0], request.node.inputs[0]}, {}, "grad");
}
Result<std::unique_ptr<Kernel>> mean_square(const KernelRequest& request) {
  GRAPHRUN_TRY(require_plain(request));
  return make("mean_square", [count = request.inputs[0].shape.count()](const KernelRun& run) {
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const double x = run.inputs[0].as<const float>()[i];
      sum += x * x;
    }
    *run.outputs[0].as<float>() = static_cast<float>(sum / static_cast<double>(count));
  });
}
Result<std::unique_ptr<Kernel>> mean_square_grad(const KernelRequest& request) {
  GRAPHRUN_TRY(require_plain(request));
  return make("mean_square_grad", [count = request.inputs[1].shape.count()](const KernelRun& run) {
    const float factor = 2 * *run.inputs[0].as<const float>() / static_cast<float>(count);
    for (std::int64_t i = 0; i < count; ++i)
      run.outputs[0].as<float>()[i] = factor * run.inputs[1].as<const float>()[i];
  });
}

AttrSpec scale_attr() {
  return {.name = "scale", .kind = AttrKind::real, .doc = "limit of y", .fallback = AttrValue(Expr(1.0))};
}
const OpDef kSoftsign{.name = "softsign",
                      .doc = "scale * x / (1 + |x|)",
                      .inputs = {{.name = "x", .doc = "activation"}},
                      .outputs = {{.name = "y", .doc = "of x's shape"}},
                      .attrs = {scale_attr()},
                      .infer = infer_softsign,
                      .gradient = softsign_gradient,
                      .cost = softsign_cost};
const OpDef kSoftsignGrad{
    .name = "softsign_grad",
    .doc = "Gradient of softsign.",
    .inputs = {{.name = "gy", .doc = "gradient of y"}, {.name = "x", .doc = "softsign's x"}},
    .outputs = {{.name = "gx", .doc = "gradient of x"}},
    .attrs = {scale_attr()},
    .infer = infer_softsign,
    .not_differentiable = "once is enough",
    .internal = true};
const OpDef kMeanSquare{
    .name = "mean_square",
    .doc = "The mean of x^2: a loss.",
    .inputs = {{.name = "x", .doc = "activation"}},
    .outputs = {{.name = "loss", .doc = "f32 scalar", .type = OperandType::scalar(DType::f32)}},
    .attrs = {},
    .infer = infer_mean_square,
    .gradient = mean_square_gradient};
const OpDef kMeanSquareGrad{
    .name = "mean_square_grad",
    .doc = "Gradient of mean_square.",
    .inputs = {{.name = "gloss", .doc = "f32 scalar", .type = OperandType::scalar(DType::f32)},
               {.name = "x", .doc = "mean_square's x"}},
    .outputs = {{.name = "gx", .doc = "gradient of x"}},
    .attrs = {},
    .infer = infer_mean_square_grad,
    .not_differentiable = "once is enough",
    .internal = true};

// Takes the place of graphrun's own kernel.
Result<std::unique_ptr<Kernel>> relu(const KernelRequest& request) {
  GRAPHRUN_TRY(require_plain(request));
  return make("strangers relu", [count = request.inputs[0].shape.count()](const KernelRun& run) {
    for (std::int64_t i = 0; i < count; ++i)
      run.outputs[0].as<float>()[i] = std::max(0.0F, run.inputs[0].as<const float>()[i]);
  });
}

const OpDef* const kOps[] = {&kSoftsign, &kSoftsignGrad, &kMeanSquare, &kMeanSquareGrad};
const KernelEntry kKernels[] = {{"softsign", "plain", softsign, "cpu"},
                                {"softsign_grad", "plain", softsign_grad, "cpu"},
                                {"mean_square", "plain", mean_square, "cpu"},
                                {"mean_square_grad", "plain", mean_square_grad, "cpu"},
                                {"relu", "stranger", relu, "cpu"},
                                {"relu", "elsewhere", relu, "another device"}};
const OpLibrary kLibrary{.name = "test ops", .ops = kOps, .kernels = kKernels, .version = "1.0"};

}  // namespace

extern "C" const graphrun::OpModule* graphrun_op_module() {
  static const graphrun::OpModule module{graphrun::kKernelHeaders, &kLibrary};
  return &module;
}
