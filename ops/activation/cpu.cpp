#include "ops/activation/body.h"
#include "ops/common/activation.h"
#include "ops/common/function_kernel.h"
#include "ops/common/pixel_rows.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::activation {
namespace {

// Outputs may be the memory of an input: element i is read before it is written.
GRAPHRUN_SIMD void relu_row(const float* x, float* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = relu(x[i]);
}
GRAPHRUN_SIMD void sigmoid_row(const float* x, float* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = sigmoid(x[i]);
}
GRAPHRUN_SIMD void relu_grad_row(const float* gy, const float* y, float* gx, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) gx[i] = relu_grad(gy[i], y[i]);
}
GRAPHRUN_SIMD void sigmoid_grad_row(const float* gy, const float* y, float* gx, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) gx[i] = sigmoid_grad(gy[i], y[i]);
}

using UnaryRow = void (*)(const float* x, float* y, std::int64_t length);
using BinaryRow = void (*)(const float* a, const float* b, float* y, std::int64_t length);

Result<std::unique_ptr<Kernel>> unary(const KernelRequest& request, UnaryRow row) {
  GRAPHRUN_TRY(require_f32(request));
  const PixelRows rows({request.inputs[0], request.outputs[0]});
  return make_function_kernel(request.def.name, 0,
                              [rows, row, threads = request.threads](const KernelRun& run) {
                                const float* const x = run.inputs[0].as<const float>();
                                float* const y = run.outputs[0].as<float>();
                                rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
                                  row(x + at * rows.stride(0), y + at * rows.stride(1), length);
                                });
                              });
}

Result<std::unique_ptr<Kernel>> binary(const KernelRequest& request, BinaryRow row) {
  GRAPHRUN_TRY(require_f32(request));
  const PixelRows rows({request.inputs[0], request.inputs[1], request.outputs[0]});
  return make_function_kernel(
      request.def.name, 0, [rows, row, threads = request.threads](const KernelRun& run) {
        const float* const a = run.inputs[0].as<const float>();
        const float* const b = run.inputs[1].as<const float>();
        float* const y = run.outputs[0].as<float>();
        rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
          row(a + at * rows.stride(0), b + at * rows.stride(1), y + at * rows.stride(2), length);
        });
      });
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"relu", "cpu", [](const KernelRequest& request) { return unary(request, relu_row); }},
          {"sigmoid", "cpu", [](const KernelRequest& request) { return unary(request, sigmoid_row); }},
          {"relu_grad", "cpu", [](const KernelRequest& request) { return binary(request, relu_grad_row); }},
          {"sigmoid_grad", "cpu",
           [](const KernelRequest& request) { return binary(request, sigmoid_grad_row); }}};
}

}  // namespace graphrun::ops::activation
