#include "ops/resize/cpu_rows.h"

#include <omp.h>

#include <cstring>

#include "ops/common/compute_type.h"
#include "ops/common/interpolation.h"
#include "ops/common/sampling_tables.h"
#include "ops/common/scratch.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"
#include "runtime/numeric/sampling.h"

namespace graphrun::ops::resize {
namespace {

// Adds the pixels of an output row's gradient to the low-resolution pixels that they were mixed from.
template <class T>
GRAPHRUN_SIMD void narrow_row(const std::vector<numeric::InterpolationWeights>& columns, Pixels<T> gy,
                              std::int64_t channels, float* row) {
  for (const numeric::InterpolationWeights& tap : columns) {
    float* a = row + tap.first * channels;
    if (tap.second == tap.first) {
      for (std::int64_t c = 0; c < channels; ++c) a[c] += gy.data[c];
    } else {
      float* b = a + channels;
      for (std::int64_t c = 0; c < channels; ++c) {
        a[c] += tap.first_weight * gy.data[c];
        b[c] += tap.second_weight * gy.data[c];
      }
    }
    gy.data += gy.stride;
  }
}

GRAPHRUN_SIMD void add_scaled(float weight, const float* from, std::int64_t count, float* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += weight * from[i];
}

template <class T>
GRAPHRUN_SIMD void store_row(const float* from, std::int64_t count, T* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(from[i]);
}
template <class T>
GRAPHRUN_SIMD void add_row(const float* from, std::int64_t count, T* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(to[i] + from[i]);
}

// A task is one source row's interval of output rows and one block of channels. It sums its rows' share for
// the source row above into gx and for the one below into `below`, which a second loop adds: no row has two
// writers, and sums do not depend on the threads.
template <class T>
class ResizeGradRows final : public Kernel {
 public:
  ResizeGradRows(numeric::Interpolation rule, const TensorDesc& gx, const TensorDesc& gy, int threads)
      : rows_(numeric::sampling(rule, gx.h(), gy.h())),
        columns_(numeric::sampling(rule, gx.w(), gy.w())),
        blocks_((gx.c() + kBlock - 1) / kBlock),
        row_floats_(gx.w() * std::min(gx.c(), kBlock)),
        threads_(threads) {
    ScratchPlan plan;
    below_ = plan.add(gx.n() * gx.h() * blocks_ * row_floats_ * 4);
    for (std::int64_t* buffer : {&line_, &sum_}) {
      *buffer = plan.add((row_floats_ + 15) / 16 * 16 * 4 * threads_);
    }
    bytes_ = plan.bytes();
  }
  std::string_view name() const override { return "resize_grad_rows"; }
  std::int64_t scratch_bytes() const override { return bytes_; }

  Status run(const KernelRun& run) override {
    const TensorDesc& gx = run.outputs[0].desc;
    const std::int64_t tasks = gx.n() * gx.h() * blocks_;
    cpu::parallel_for(threads_, tasks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) sum_interval(run, task);
    });
    cpu::parallel_for(threads_, tasks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) {
        if (task / blocks_ % gx.h() > 0) add_below(run, task);
      }
    });
    return {};
  }

 private:
  static constexpr std::int64_t kBlock = 256;

  struct Place {
    std::int64_t channel, channels;
    std::int64_t row;  // of all images
  };
  Place place_of(std::int64_t task, const TensorDesc& gx) const {
    const std::int64_t channel = task % blocks_ * kBlock;
    return {channel, std::min(kBlock, gx.c() - channel), task / blocks_};
  }
  float* below(const KernelRun& run, std::int64_t row, std::int64_t channel) const {
    return scratch_at<float>(run.scratch, below_) + (row * blocks_ + channel / kBlock) * row_floats_;
  }
  float* of_thread(const KernelRun& run, std::int64_t offset) const {
    return scratch_at<float>(run.scratch, offset) + omp_get_thread_num() * ((row_floats_ + 15) / 16 * 16);
  }

  void sum_interval(const KernelRun& run, std::int64_t task) const {
    const TensorDesc& gy = run.inputs[0].desc;
    const TensorDesc& gx = run.outputs[0].desc;
    const Place place = place_of(task, gx);
    const std::int64_t count = gx.w() * place.channels;
    float* above = of_thread(run, sum_);
    float* line = of_thread(run, line_);
    float* under = below(run, place.row, place.channel);
    const auto clear = [count](float* row) { std::memset(row, 0, static_cast<std::size_t>(count) * 4); };
    clear(above);
    clear(under);
    const auto source = static_cast<std::size_t>(place.row % gx.h());
    for (std::int32_t y = rows_.readers[source]; y < rows_.readers[source + 1]; ++y) {
      const numeric::InterpolationWeights& tap = rows_.taps[static_cast<std::size_t>(y)];
      const std::int64_t pixel = (place.row / gx.h() * gy.h() + y) * gy.w();
      clear(line);
      const T* const from = run.inputs[0].as<const T>() + pixel * gy.pixel_stride + place.channel;
      narrow_row(columns_.taps, Pixels<T>{from, gy.pixel_stride}, place.channels, line);
      add_scaled(tap.first_weight, line, count, above);
      if (tap.second != tap.first) add_scaled(tap.second_weight, line, count, under);
    }
    T* to = run.outputs[0].as<T>() + place.row * gx.w() * gx.pixel_stride + place.channel;
    for (std::int64_t x = 0; x < gx.w(); ++x)
      store_row(above + x * place.channels, place.channels, to + x * gx.pixel_stride);
  }

  void add_below(const KernelRun& run, std::int64_t task) const {
    const TensorDesc& gx = run.outputs[0].desc;
    const Place place = place_of(task, gx);
    const float* from = below(run, place.row - 1, place.channel);
    T* to = run.outputs[0].as<T>() + place.row * gx.w() * gx.pixel_stride + place.channel;
    for (std::int64_t x = 0; x < gx.w(); ++x)
      add_row(from + x * place.channels, place.channels, to + x * gx.pixel_stride);
  }

  numeric::Sampling rows_, columns_;
  std::int64_t blocks_;      // of channels
  std::int64_t row_floats_;  // of a source row's block
  int threads_;
  std::int64_t below_ = 0, line_ = 0, sum_ = 0, bytes_ = 0;  // in scratch
};

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_grad_rows(const KernelRequest& request) {
  GRAPHRUN_TRY(require_no_strong_reduction(request.outputs[0], request.inputs[0]));
  GRAPHRUN_TRY(take_sampling_tables(request, request.outputs[0], request.inputs[0]));
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    return std::unique_ptr<Kernel>(std::make_unique<ResizeGradRows<T>>(
        interpolation_of(request.attrs), request.outputs[0], request.inputs[0], request.threads));
  });
}

}  // namespace graphrun::ops::resize
