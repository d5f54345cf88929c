#include <cmath>

#include "ops.h"

// Snake, an activation that learns periodic functions (Ziyin, Hartwig and Ueda 2020): y = x + sin(a x)^2 / a.
namespace {

using namespace graphrun;

AttrSpec frequency() {
  return {.name = "frequency",
          .kind = AttrKind::real,
          .doc = "a of x + sin(a x)^2 / a",
          .fallback = AttrValue(Expr(1.0)),
          .min = 1e-3,
          .max = 1e3};
}

// y is like x, gx is like gy.
Status infer(const Attributes&, std::span<const ValueType* const> inputs, std::vector<ValueType>& outputs) {
  outputs = {*inputs[0]};
  return {};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  return graph.add("snake_grad", {request.output_gradients[0], request.node.inputs[0]}, request.node.attrs,
                   "grad");
}

// What `grun info` and `grun bench` count.
double cost(const Attributes&, std::span<const ValueType* const> inputs, std::span<const ValueType* const>) {
  return 2 * element_count(*inputs[0]);
}

template <class T>
std::unique_ptr<Kernel> snake(const KernelRequest& request) {
  const TensorDesc x = request.inputs[0];
  const TensorDesc y = request.outputs[0];
  const auto a = static_cast<float>(request.attrs.real("frequency"));
  return make_kernel("snake", 0, [=, threads = request.threads](const KernelRun& run) -> Status {
    // Pixels need not lie side by side: an activation may be a part of a concatenation.
    parallel_for(threads, x.pixels(), [&](std::int64_t pixel) {
      const T* const from = run.inputs[0].as<const T>() + pixel * x.pixel_stride;
      T* const to = run.outputs[0].as<T>() + pixel * y.pixel_stride;
      for (std::int64_t c = 0; c < x.c(); ++c) {
        const auto value = static_cast<float>(from[c]);
        const float sine = std::sin(a * value);
        to[c] = T(value + sine * sine / a);
      }
    });
    return {};
  });
}

// dy/dx = 1 + sin(2 a x).
template <class T>
std::unique_ptr<Kernel> snake_grad(const KernelRequest& request) {
  const TensorDesc gy = request.inputs[0];
  const TensorDesc x = request.inputs[1];
  const TensorDesc gx = request.outputs[0];
  const auto a = static_cast<float>(request.attrs.real("frequency"));
  return make_kernel("snake_grad", 0, [=, threads = request.threads](const KernelRun& run) -> Status {
    parallel_for(threads, x.pixels(), [&](std::int64_t pixel) {
      const T* const from = run.inputs[0].as<const T>() + pixel * gy.pixel_stride;
      const T* const at = run.inputs[1].as<const T>() + pixel * x.pixel_stride;
      T* const to = run.outputs[0].as<T>() + pixel * gx.pixel_stride;
      for (std::int64_t c = 0; c < x.c(); ++c)
        to[c] = T(static_cast<float>(from[c]) * (1 + std::sin(2 * a * static_cast<float>(at[c]))));
    });
    return {};
  });
}

const OpDef kSnake{.name = "snake",
                   .doc = "x + sin(a x)^2 / a",
                   .inputs = {{.name = "x", .doc = "activation"}},
                   .outputs = {{.name = "y", .doc = "of x's shape"}},
                   .attrs = {frequency()},
                   .infer = infer,
                   .gradient = gradient,
                   .cost = cost,
                   .in_place = {{0, 0}}};
const OpDef kSnakeGrad{.name = "snake_grad",
                       .doc = "Gradient of snake.",
                       .inputs = {{.name = "gy", .doc = "gradient of y"},
                                  {.name = "x", .doc = "snake's x", .type = OperandType::same_as(0)}},
                       .outputs = {{.name = "gx", .doc = "gradient of x"}},
                       .attrs = {frequency()},
                       .infer = infer,
                       .not_differentiable = "gradients are taken once",
                       .in_place = {{0, 0}},
                       .internal = true};

}  // namespace

std::vector<const OpDef*> snake_ops() { return {&kSnake, &kSnakeGrad}; }

std::vector<KernelEntry> snake_kernels() {
  const auto forward = [](const KernelRequest& request) {
    return for_activations(request, [&]<class T>(T) { return snake<T>(request); });
  };
  const auto backward = [](const KernelRequest& request) {
    return for_activations(request, [&]<class T>(T) { return snake_grad<T>(request); });
  };
  return {{"snake", "loop", forward, "cpu"}, {"snake_grad", "loop", backward, "cpu"}};
}
