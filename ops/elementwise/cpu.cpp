#include "ops/common/activation.h"
#include "ops/common/body_kernel.h"
#include "ops/common/function_kernel.h"
#include "ops/common/pixel_rows.h"
#include "ops/elementwise/body.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::elementwise {
namespace {

// Outputs may be the memory of an input: element i is read before it is written.
GRAPHRUN_SIMD void add_row(const float* a, const float* b, float* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = a[i] + b[i];
}
GRAPHRUN_SIMD void add_relu_row(const float* a, const float* b, float* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) {
    const float sum = a[i] + b[i];
    y[i] = 0.0f > sum ? 0.0f : sum;
  }
}
GRAPHRUN_SIMD void mul_row(const float* a, const float* b, float* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = a[i] * b[i];
}
using Row = void (*)(const float* a, const float* b, float* y, std::int64_t length);

Operand operand(const TensorDesc& desc, const TensorDesc& y) {
  Operand result{};
  result.n_stride = desc.h() * desc.w() * desc.pixel_stride;
  result.h_stride = desc.h() == 1 && y.h() != 1 ? 0 : desc.w() * desc.pixel_stride;
  result.w_stride = desc.w() == 1 && y.w() != 1 ? 0 : desc.pixel_stride;
  return result;
}

Result<std::unique_ptr<Kernel>> prepare_pair(const KernelRequest& request, Row row) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& a_desc = request.inputs[0];
  const TensorDesc& b_desc = request.inputs[1];
  const TensorDesc& y_desc = request.outputs[0];
  const int threads = request.threads;
  if (a_desc.shape == b_desc.shape) {
    const PixelRows rows({a_desc, b_desc, y_desc});
    return make_function_kernel(request.def.name, 0, [rows, row, threads](const KernelRun& run) {
      const float* const a = run.inputs[0].as<const float>();
      const float* const b = run.inputs[1].as<const float>();
      float* const y = run.outputs[0].as<float>();
      rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
        row(a + at * rows.stride(0), b + at * rows.stride(1), y + at * rows.stride(2), length);
      });
    });
  }
  const Operand a_form = operand(a_desc, y_desc);
  const Operand b_form = operand(b_desc, y_desc);
  return make_function_kernel(
      request.def.name, 0, [a_form, b_form, y_desc, row, threads](const KernelRun& run) {
        Operand a = a_form;
        Operand b = b_form;
        a.data = run.inputs[0].as<const float>();
        b.data = run.inputs[1].as<const float>();
        float* const y = run.outputs[0].as<float>();
        cpu::parallel_for(threads, y_desc.n() * y_desc.h(), 1, [&](std::int64_t line, std::int64_t) {
          const std::int64_t n = line / y_desc.h();
          const std::int64_t h = line % y_desc.h();
          for (std::int64_t w = 0; w < y_desc.w(); ++w) {
            row(a.at(n, h, w), b.at(n, h, w), y + (line * y_desc.w() + w) * y_desc.pixel_stride, y_desc.c());
          }
        });
      });
}

Result<std::unique_ptr<Kernel>> prepare_add(const KernelRequest& request) {
  return prepare_pair(request, request.attrs.text("activation") == "relu" ? add_relu_row : add_row);
}
Result<std::unique_ptr<Kernel>> prepare_mul(const KernelRequest& request) {
  return prepare_pair(request, mul_row);
}

using Reduce = ReduceTo<kCpuBlock>;
GRAPHRUN_SIMD void reduce_loop(const Reduce& body, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

Result<std::unique_ptr<Kernel>> prepare_reduce_to(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  Reduce body{};
  body.x_n_stride = x.h() * x.w() * x.pixel_stride;
  body.x_h_stride = x.w() * x.pixel_stride;
  body.x_w_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  body.height = y.h();
  body.width = y.w();
  body.rows = x.h() / y.h();
  body.columns = x.w() / y.w();
  body.channels = y.c();
  body.blocks = block_count(y.c(), kCpuBlock);
  return make_function_kernel(
      request.def.name, 0,
      [body, count = y.pixels() * body.blocks, threads = request.threads](const KernelRun& run) {
        Reduce bound = body;
        bound.x = run.inputs[0].as<const float>();
        bound.y = run.outputs[0].as<float>();
        cpu::parallel_for(threads, count, 4,
                          [&](std::int64_t begin, std::int64_t end) { reduce_loop(bound, begin, end); });
      });
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"add", "cpu", prepare_add}, {"mul", "cpu", prepare_mul}, {"reduce_to", "cpu", prepare_reduce_to}};
}

}  // namespace graphrun::ops::elementwise
