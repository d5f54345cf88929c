#include "ops/resize/cpu_rows.h"

#include <omp.h>

#include "ops/common/bytes.h"
#include "ops/common/compute_type.h"
#include "ops/common/interpolation.h"
#include "ops/common/sampling_tables.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"
#include "runtime/numeric/sampling.h"

namespace graphrun::ops::resize {
namespace {

// Blends two source rows of `width` pixels into `row`, without gaps.
template <class T>
GRAPHRUN_SIMD void blend_rows(const numeric::InterpolationWeights& tap, Pixels<T> above, Pixels<T> below,
                              std::int64_t width, std::int64_t channels, float* row) {
  for (std::int64_t x = 0; x < width; ++x, row += channels) {
    const T* a = above.data + x * above.stride;
    const T* b = below.data + x * below.stride;
    for (std::int64_t c = 0; c < channels; ++c) row[c] = tap.first_weight * a[c] + tap.second_weight * b[c];
  }
}

// Writes an output row from a blended one.
template <class From, class To>
GRAPHRUN_SIMD void widen_row(const std::vector<numeric::InterpolationWeights>& columns, Pixels<From> row,
                             std::int64_t channels, To* y, std::int64_t y_stride) {
  for (const numeric::InterpolationWeights& tap : columns) {
    const From* a = row.data + tap.first * row.stride;
    const From* b = row.data + tap.second * row.stride;
    for (std::int64_t c = 0; c < channels; ++c)
      y[c] = static_cast<To>(tap.first_weight * a[c] + tap.second_weight * b[c]);
    y += y_stride;
  }
}

template <class T>
class ResizeRows final : public Kernel {
 public:
  ResizeRows(numeric::Interpolation rule, const TensorDesc& x, const TensorDesc& y, int threads)
      : rows_(numeric::sampling(rule, x.h(), y.h())),
        columns_(numeric::sampling(rule, x.w(), y.w())),
        row_floats_((x.w() * x.c() + 15) / 16 * 16),
        threads_(threads) {}
  std::string_view name() const override { return "resize_rows"; }
  std::int64_t scratch_bytes() const override { return threads_ * row_floats_ * 4; }

  Status run(const KernelRun& run) override {
    const TensorDesc& x = run.inputs[0].desc;
    const TensorDesc& y = run.outputs[0].desc;
    cpu::parallel_for(threads_, y.n() * y.h(), 1, [&](std::int64_t begin, std::int64_t end) {
      float* blended = static_cast<float*>(run.scratch) + omp_get_thread_num() * row_floats_;
      for (std::int64_t row = begin; row < end; ++row) {
        const numeric::InterpolationWeights& tap = rows_.taps[static_cast<std::size_t>(row % y.h())];
        const auto source = [&](std::int32_t i) {
          const std::int64_t pixel = (row / y.h() * x.h() + i) * x.w();
          return Pixels<T>{run.inputs[0].as<const T>() + pixel * x.pixel_stride, x.pixel_stride};
        };
        T* const to = run.outputs[0].as<T>() + row * y.w() * y.pixel_stride;
        if (tap.second != tap.first) {
          blend_rows(tap, source(tap.first), source(tap.second), x.w(), x.c(), blended);
          widen_row(columns_.taps, Pixels<float>{blended, x.c()}, x.c(), to, y.pixel_stride);
        } else {
          widen_row(columns_.taps, source(tap.first), x.c(), to, y.pixel_stride);
        }
      }
    });
    return {};
  }

 private:
  numeric::Sampling rows_, columns_;
  std::int64_t row_floats_;  // of a thread's blended row
  int threads_;
};

}  // namespace

namespace {

template <class T>
Result<std::unique_ptr<Kernel>> prepare_rows_of(const KernelRequest& request) {
  GRAPHRUN_TRY(require_no_strong_reduction(request.inputs[0], request.outputs[0]));
  GRAPHRUN_TRY(take_sampling_tables(request, request.inputs[0], request.outputs[0]));
  return std::unique_ptr<Kernel>(std::make_unique<ResizeRows<T>>(
      interpolation_of(request.attrs), request.inputs[0], request.outputs[0], request.threads));
}

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_rows(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) { return prepare_rows_of<T>(request); });
}
Result<std::unique_ptr<Kernel>> prepare_rows_bytes(const KernelRequest& request) {
  return for_bytes(request, [&] { return prepare_rows_of<Byte>(request); });
}

}  // namespace graphrun::ops::resize
