#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/pixel_rows.h"
#include "ops/elementwise/cpu_bytes.h"
#include "ops/elementwise/forms.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::elementwise {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

struct Add {
  float operator()(float a, float b) const { return a + b; }
};
struct AddRelu {
  float operator()(float a, float b) const {
    const float sum = a + b;
    return 0.0f > sum ? 0.0f : sum;
  }
};
struct Multiply {
  float operator()(float a, float b) const { return a * b; }
};

// Outputs may be the memory of an input: element i is read before it is written.
template <class F, class T>
[[gnu::flatten]] GRAPHRUN_SIMD void pair_row(const T* a, const T* b, T* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = static_cast<T>(F()(a[i], b[i]));
}
// One value of b for the whole row; the ops of this room do not mind the order of their operands.
template <class F, class T>
[[gnu::flatten]] GRAPHRUN_SIMD void scalar_row(const T* a, float b, T* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = static_cast<T>(F()(a[i], b));
}

template <class F, class T>
Prepared prepare_equal(const KernelRequest& request) {
  const PixelRows rows({request.inputs[0], request.inputs[1], request.outputs[0]});
  return make_function_kernel(request.def.name, 0, [rows, threads = request.threads](const KernelRun& run) {
    const T* const a = run.inputs[0].as<const T>();
    const T* const b = run.inputs[1].as<const T>();
    T* const y = run.outputs[0].as<T>();
    rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
      pair_row<F>(a + at * rows.stride(0), b + at * rows.stride(1), y + at * rows.stride(2), length);
    });
  });
}

template <class F, class T>
Prepared prepare_broadcast(const KernelRequest& request) {
  const TensorDesc& y_desc = request.outputs[0];
  const Operand<T> a_form = operand<T>(request.inputs[0], y_desc);
  const Operand<T> b_form = operand<T>(request.inputs[1], y_desc);
  return make_function_kernel(
      request.def.name, 0, [a_form, b_form, y_desc, threads = request.threads](const KernelRun& run) {
        Operand<T> a = a_form;
        Operand<T> b = b_form;
        a.data = run.inputs[0].as<const T>();
        b.data = run.inputs[1].as<const T>();
        T* const y = run.outputs[0].as<T>();
        cpu::parallel_for(threads, y_desc.n() * y_desc.h(), 1, [&](std::int64_t line, std::int64_t) {
          const std::int64_t n = line / y_desc.h();
          const std::int64_t h = line % y_desc.h();
          for (std::int64_t w = 0; w < y_desc.w(); ++w) {
            T* const to = y + (line * y_desc.w() + w) * y_desc.pixel_stride;
            const T* const left = a.at(n, h, w);
            const T* const right = b.at(n, h, w);
            if (a.c_stride == 0) {
              scalar_row<F>(right, *left, to, y_desc.c());
            } else if (b.c_stride == 0) {
              scalar_row<F>(left, *right, to, y_desc.c());
            } else {
              pair_row<F>(left, right, to, y_desc.c());
            }
          }
        });
      });
}

template <class F>
Prepared prepare_pair(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) {
    const bool equal = request.inputs[0].shape == request.inputs[1].shape;
    return equal ? prepare_equal<F, T>(request) : prepare_broadcast<F, T>(request);
  });
}

Prepared prepare_add(const KernelRequest& request) {
  return request.attrs.text("activation") == "relu" ? prepare_pair<AddRelu>(request)
                                                    : prepare_pair<Add>(request);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"add", "cpu", prepare_add},
          {"mul", "cpu", prepare_pair<Multiply>},
          {"add", "bytes", prepare_add_bytes, {}, true},
          {"mul", "bytes", prepare_multiply_bytes, {}, true}};
}

}  // namespace graphrun::ops::elementwise
