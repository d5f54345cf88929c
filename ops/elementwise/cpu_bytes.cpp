#include "ops/elementwise/cpu_bytes.h"

#include <algorithm>

#include "ops/common/bytes.h"
#include "ops/common/function_kernel.h"
#include "ops/elementwise/forms.h"
#include "runtime/cpu/simd.h"

// Sums and products of bytes, each operand with a scale of its own: computed in float, pixel by pixel.
namespace graphrun::ops::elementwise {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

// y = zero + to_y f(a, b) of the reals a and b.
struct Scales {
  float a, b, to_y;            // of the operands; one over y's
  float a_zero, b_zero, zero;  // zero points
  float low;                   // y's least integer: its zero point with a rectifier, else 0
};

std::uint8_t integer(float value, const Scales& s) {
  return nearest_byte(std::min(std::max(s.low, value), 255.0f));
}

// Functions of integers, whose scales and zero points are put together before the loop.
struct Sum {
  explicit Sum(const Scales& s)
      : a(s.a * s.to_y), b(s.b * s.to_y), shift(s.zero - a * s.a_zero - b * s.b_zero) {}
  float operator()(float x, float y) const { return a * x + (b * y + shift); }
  float a, b, shift;
};
struct Product {
  explicit Product(const Scales& s)
      : factor(s.a * s.b * s.to_y), a_zero(s.a_zero), b_zero(s.b_zero), zero(s.zero) {}
  float operator()(float x, float y) const { return factor * ((x - a_zero) * (y - b_zero)) + zero; }
  float factor, a_zero, b_zero, zero;
};

// Outputs may be the memory of an input: element i is read before it is written.
template <class F>
[[gnu::flatten]] GRAPHRUN_SIMD void pair_row(const Scales& s, const std::uint8_t* a, const std::uint8_t* b,
                                             std::uint8_t* y, std::int64_t length) {
  const F f(s);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i)
    y[i] = integer(f(static_cast<float>(a[i]), static_cast<float>(b[i])), s);
}
// One b for the whole row.
template <class F>
[[gnu::flatten]] GRAPHRUN_SIMD void scalar_row(const Scales& s, const std::uint8_t* a, std::uint8_t b,
                                               std::uint8_t* y, std::int64_t length) {
  const F f(s);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i)
    y[i] = integer(f(static_cast<float>(a[i]), static_cast<float>(b)), s);
}

// The rows of a function of two operands.
struct Rows {
  void (*pair)(const Scales& s, const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* y,
               std::int64_t length);
  void (*scalar)(const Scales& s, const std::uint8_t* a, std::uint8_t b, std::uint8_t* y,
                 std::int64_t length);
};

void pixel_row(const Rows& f, const Scales& s, const Operand<std::uint8_t>& a, const Operand<std::uint8_t>& b,
               const std::uint8_t* left, const std::uint8_t* right, std::uint8_t* y, std::int64_t channels) {
  if (a.c_stride == 0) {
    const Scales exchanged{s.b, s.a, s.to_y, s.b_zero, s.a_zero, s.zero, s.low};
    f.scalar(exchanged, right, *left, y, channels);
  } else if (b.c_stride == 0) {
    f.scalar(s, left, *right, y, channels);
  } else {
    f.pair(s, left, right, y, channels);
  }
}

template <class F>
Rows rows_of() {
  return {pair_row<F>, scalar_row<F>};
}

Prepared prepare(const KernelRequest& request, const Rows& f, bool relu) {
  const TensorDesc& a_desc = request.inputs[0];
  const TensorDesc& b_desc = request.inputs[1];
  const TensorDesc y_desc = request.outputs[0];
  if (!is_byte(a_desc) || !is_byte(b_desc) || !is_byte(y_desc))
    return {ErrorCode::declined, "takes bytes with scales to such"};
  const auto zero = [](const TensorDesc& desc) { return static_cast<float>(desc.quantisation.zero_point); };
  const Scales scales{a_desc.quantisation.scale,
                      b_desc.quantisation.scale,
                      1 / y_desc.quantisation.scale,
                      zero(a_desc),
                      zero(b_desc),
                      zero(y_desc),
                      relu ? zero(y_desc) : 0.0f};
  if (a_desc.shape == b_desc.shape) {
    const PixelRows rows({a_desc, b_desc, y_desc});
    return make_function_kernel("bytes", 0, [=, threads = request.threads](const KernelRun& run) {
      rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
        f.pair(scales, run.inputs[0].as<const std::uint8_t>() + at * rows.stride(0),
               run.inputs[1].as<const std::uint8_t>() + at * rows.stride(1),
               run.outputs[0].as<std::uint8_t>() + at * rows.stride(2), length);
      });
    });
  }
  const auto a_form = operand<std::uint8_t>(a_desc, y_desc);
  const auto b_form = operand<std::uint8_t>(b_desc, y_desc);
  return make_function_kernel("bytes", 0, [=, threads = request.threads](const KernelRun& run) {
    Operand<std::uint8_t> a = a_form, b = b_form;
    a.data = run.inputs[0].as<const std::uint8_t>();
    b.data = run.inputs[1].as<const std::uint8_t>();
    auto* const y = run.outputs[0].as<std::uint8_t>();
    cpu::parallel_for(threads, y_desc.n() * y_desc.h(), 1, [&](std::int64_t line, std::int64_t) {
      const std::int64_t n = line / y_desc.h(), h = line % y_desc.h();
      for (std::int64_t w = 0; w < y_desc.w(); ++w)
        pixel_row(f, scales, a, b, a.at(n, h, w), b.at(n, h, w),
                  y + (line * y_desc.w() + w) * y_desc.pixel_stride, y_desc.c());
    });
  });
}

}  // namespace

Prepared prepare_add_bytes(const KernelRequest& request) {
  return prepare(request, rows_of<Sum>(), request.attrs.text("activation") == "relu");
}
Prepared prepare_multiply_bytes(const KernelRequest& request) {
  return prepare(request, rows_of<Product>(), false);
}

}  // namespace graphrun::ops::elementwise
