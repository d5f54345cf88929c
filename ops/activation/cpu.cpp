#include "ops/activation/body.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/pixel_rows.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::activation {
namespace {

// Outputs may be the memory of an input: element i is read before it is written.
template <class T>
GRAPHRUN_SIMD void relu_row(const T* x, T* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = static_cast<T>(relu(x[i]));
}
template <class T>
GRAPHRUN_SIMD void sigmoid_row(const T* x, T* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = static_cast<T>(sigmoid(x[i]));
}
template <class T>
GRAPHRUN_SIMD void relu_grad_row(const T* gy, const T* y, T* gx, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) gx[i] = static_cast<T>(relu_grad(gy[i], y[i]));
}
template <class T>
GRAPHRUN_SIMD void sigmoid_grad_row(const T* gy, const T* y, T* gx, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) gx[i] = static_cast<T>(sigmoid_grad(gy[i], y[i]));
}

template <class T>
using UnaryRow = void (*)(const T* x, T* y, std::int64_t length);
template <class T>
using BinaryRow = void (*)(const T* a, const T* b, T* y, std::int64_t length);

template <class T>
Result<std::unique_ptr<Kernel>> unary(const KernelRequest& request, UnaryRow<T> row) {
  const PixelRows rows({request.inputs[0], request.outputs[0]});
  return make_function_kernel(request.def.name, 0,
                              [rows, row, threads = request.threads](const KernelRun& run) {
                                const T* const x = run.inputs[0].as<const T>();
                                T* const y = run.outputs[0].as<T>();
                                rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
                                  row(x + at * rows.stride(0), y + at * rows.stride(1), length);
                                });
                              });
}

template <class T>
Result<std::unique_ptr<Kernel>> binary(const KernelRequest& request, BinaryRow<T> row) {
  const PixelRows rows({request.inputs[0], request.inputs[1], request.outputs[0]});
  return make_function_kernel(
      request.def.name, 0, [rows, row, threads = request.threads](const KernelRun& run) {
        const T* const a = run.inputs[0].as<const T>();
        const T* const b = run.inputs[1].as<const T>();
        T* const y = run.outputs[0].as<T>();
        rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
          row(a + at * rows.stride(0), b + at * rows.stride(1), y + at * rows.stride(2), length);
        });
      });
}

using Prepared = Result<std::unique_ptr<Kernel>>;

Prepared prepare_relu(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) { return unary<T>(request, relu_row<T>); });
}
Prepared prepare_sigmoid(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) { return unary<T>(request, sigmoid_row<T>); });
}
Prepared prepare_relu_grad(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) { return binary<T>(request, relu_grad_row<T>); });
}
Prepared prepare_sigmoid_grad(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) { return binary<T>(request, sigmoid_grad_row<T>); });
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"relu", "cpu", prepare_relu},
          {"sigmoid", "cpu", prepare_sigmoid},
          {"relu_grad", "cpu", prepare_relu_grad},
          {"sigmoid_grad", "cpu", prepare_sigmoid_grad}};
}

}  // namespace graphrun::ops::activation
