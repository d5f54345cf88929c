#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/pixel_rows.h"
#include "ops/elementwise/forms.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::elementwise {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

// Outputs may be the memory of an input: element i is read before it is written.
template <class T>
GRAPHRUN_SIMD void add_row(const T* a, const T* b, T* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = static_cast<T>(a[i] + b[i]);
}
template <class T>
GRAPHRUN_SIMD void add_relu_row(const T* a, const T* b, T* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) {
    const float sum = a[i] + b[i];
    y[i] = static_cast<T>(0.0f > sum ? 0.0f : sum);
  }
}
template <class T>
GRAPHRUN_SIMD void mul_row(const T* a, const T* b, T* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = static_cast<T>(a[i] * b[i]);
}
template <class T>
using Row = void (*)(const T* a, const T* b, T* y, std::int64_t length);

template <class T>
Prepared prepare_pair(const KernelRequest& request, Row<T> row) {
  const TensorDesc& a_desc = request.inputs[0];
  const TensorDesc& b_desc = request.inputs[1];
  const TensorDesc& y_desc = request.outputs[0];
  const int threads = request.threads;
  if (a_desc.shape == b_desc.shape) {
    const PixelRows rows({a_desc, b_desc, y_desc});
    return make_function_kernel(request.def.name, 0, [rows, row, threads](const KernelRun& run) {
      const T* const a = run.inputs[0].as<const T>();
      const T* const b = run.inputs[1].as<const T>();
      T* const y = run.outputs[0].as<T>();
      rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
        row(a + at * rows.stride(0), b + at * rows.stride(1), y + at * rows.stride(2), length);
      });
    });
  }
  const Operand<T> a_form = operand<T>(a_desc, y_desc);
  const Operand<T> b_form = operand<T>(b_desc, y_desc);
  return make_function_kernel(
      request.def.name, 0, [a_form, b_form, y_desc, row, threads](const KernelRun& run) {
        Operand<T> a = a_form;
        Operand<T> b = b_form;
        a.data = run.inputs[0].as<const T>();
        b.data = run.inputs[1].as<const T>();
        T* const y = run.outputs[0].as<T>();
        cpu::parallel_for(threads, y_desc.n() * y_desc.h(), 1, [&](std::int64_t line, std::int64_t) {
          const std::int64_t n = line / y_desc.h();
          const std::int64_t h = line % y_desc.h();
          for (std::int64_t w = 0; w < y_desc.w(); ++w) {
            row(a.at(n, h, w), b.at(n, h, w), y + (line * y_desc.w() + w) * y_desc.pixel_stride, y_desc.c());
          }
        });
      });
}

Prepared prepare_add(const KernelRequest& request) {
  const bool relu = request.attrs.text("activation") == "relu";
  return for_activation_type(
      request, [&]<class T>(T) { return prepare_pair<T>(request, relu ? add_relu_row<T> : add_row<T>); });
}
Prepared prepare_mul(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) { return prepare_pair<T>(request, mul_row<T>); });
}

template <class T>
using Reduce = ReduceTo<kCpuBlock, T>;
template <class T>
GRAPHRUN_SIMD void reduce_loop(const Reduce<T>& body, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

template <class T>
Prepared prepare_reduce(const KernelRequest& request) {
  const TensorDesc& y = request.outputs[0];
  const Reduce<T> body = reduce_to<kCpuBlock, T>(request.inputs[0], y);
  return make_function_kernel(
      request.def.name, 0,
      [body, count = y.pixels() * body.blocks, threads = request.threads](const KernelRun& run) {
        Reduce<T> bound = body;
        bound.x = run.inputs[0].as<const T>();
        bound.y = run.outputs[0].as<T>();
        cpu::parallel_for(threads, count, 4,
                          [&](std::int64_t begin, std::int64_t end) { reduce_loop(bound, begin, end); });
      });
}

Prepared prepare_reduce_to(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) { return prepare_reduce<T>(request); });
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"add", "cpu", prepare_add}, {"mul", "cpu", prepare_mul}, {"reduce_to", "cpu", prepare_reduce_to}};
}

}  // namespace graphrun::ops::elementwise
