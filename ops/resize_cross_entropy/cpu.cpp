#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/common/compute_type.h"
#include "ops/common/interpolation.h"
#include "ops/common/sampling_tables.h"
#include "ops/common/scratch.h"
#include "ops/cross_entropy/cpu_scores.h"
#include "ops/resize_cross_entropy/cpu_row.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"
#include "runtime/numeric/sampling.h"
#include "runtime/numeric/softmax_row.h"

// Cross entropy of logits that exist at label size one pixel at a time only.
namespace graphrun::ops::resize_cross_entropy {
namespace {

using cross_entropy::Labels;
using cross_entropy::RowSums;
using cross_entropy::Scores;
using cross_entropy::weight_of;

// One row of labels and the two rows of logits that it is mixed from.
template <class T>
struct Row {
  const std::int32_t* label;
  const std::int32_t* counted;
  const float* weights;
  std::int64_t width;
  std::int32_t ignore;
  numeric::InterpolationWeights tap;
  LogitRow<T> above, below;
  std::int64_t low_width, channels;
  const numeric::InterpolationWeights* columns;
};

template <class T>
GRAPHRUN_SIMD bool any_valid(const Row<T>& row) {
  int valid = 0;
  for (std::int64_t x = 0; x < row.width; ++x) valid |= row.label[x] != row.ignore ? 1 : 0;
  return valid != 0;
}

// Returns the row's sums and writes the predictions of valid pixels.
template <class T>
GRAPHRUN_SIMD RowSums score_row(const Row<T>& row, float* blended, float* pixel, std::int32_t* predictions) {
  const std::int64_t channels = padded(row.channels);
  blend_rows(row.tap, row.above, row.below, row.low_width, row.channels, blended);
  RowSums sums;
  for (std::int64_t x = 0; x < row.width; ++x) {
    if (row.label[x] == row.ignore) continue;
    const float max = blend_pixels(row.columns[x], blended, channels, pixel);
    const std::int32_t best = numeric::row_find(pixel, max, channels);
    predictions[x] = best < row.channels ? best : 0;
    const std::int32_t label = row.counted[x];
    if (label == row.ignore) continue;
    const auto weight = static_cast<double>(weight_of(row.weights, label));
    sums.loss += weight * static_cast<double>(std::log(numeric::row_exp_sum(pixel, max, channels)) -
                                              (pixel[label] - max));
    sums.weight += weight;
  }
  return sums;
}

template <class T>
GRAPHRUN_SIMD void probability_row(const Row<T>& row, float* blended, float* pixel, float* probability) {
  const std::int64_t channels = padded(row.channels);
  blend_rows(row.tap, row.above, row.below, row.low_width, row.channels, blended);
  for (std::int64_t x = 0; x < row.width; ++x) {
    const std::int32_t label = row.label[x];
    if (label == row.ignore) {
      probability[x] = 1;
      continue;
    }
    const float max = blend_pixels(row.columns[x], blended, channels, pixel);
    probability[x] = numeric::exp_float(pixel[label] - max) / numeric::row_exp_sum(pixel, max, channels);
  }
}

// Adds gradient * weight * (softmax - onehot) of the row's pixels to the row of low-resolution pixels that
// they were mixed from.
template <class T>
GRAPHRUN_SIMD void grad_row(const Row<T>& row, float gradient, float* blended, float* pixel, float* line) {
  const std::int64_t channels = padded(row.channels);
  blend_rows(row.tap, row.above, row.below, row.low_width, row.channels, blended);
  std::memset(line, 0, static_cast<std::size_t>(row.low_width * channels) * 4);
  for (std::int64_t x = 0; x < row.width; ++x) {
    const std::int32_t label = row.label[x];
    if (label == row.ignore) continue;
    const numeric::InterpolationWeights tap = row.columns[x];
    const float max = blend_pixels(tap, blended, channels, pixel);
    const float scale = gradient * weight_of(row.weights, label);
    const float factor = scale / numeric::row_exp(pixel, max, channels, pixel);
    float* left = line + tap.first * channels;
    float* right = line + tap.second * channels;
    const float to_left = factor * tap.first_weight;
    const float to_right = factor * tap.second_weight;
    if (tap.second == tap.first) {
      for (std::int64_t c = 0; c < channels; ++c) left[c] += to_left * pixel[c];
    } else {
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) {
        left[c] += to_left * pixel[c];
        right[c] += to_right * pixel[c];
      }
    }
    left[label] -= scale * tap.first_weight;
    right[label] -= scale * tap.second_weight;
  }
}

template <class T>
GRAPHRUN_SIMD void add_scaled(float weight, const float* from, std::int64_t count, T* to) {
  for (std::int64_t i = 0; i < count; ++i)
    to[i] = static_cast<T>(static_cast<float>(to[i]) + weight * from[i]);
}

template <class T>
GRAPHRUN_SIMD void store(const float* from, std::int64_t count, T* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(from[i]);
}

// What both directions prepare: tables, and buffers of each thread for a blended row and a pixel.
class Geometry {
 public:
  Geometry(const KernelRequest& request, const TensorDesc& logits, const TensorDesc& label)
      : threads(request.threads),
        rows(numeric::sampling(interpolation_of(request.attrs), logits.h(), label.shape[1])),
        columns(numeric::sampling(interpolation_of(request.attrs), logits.w(), label.shape[2])),
        row_floats(logits.w() * padded(logits.c())),
        ignore_label_(request.attrs.integer("ignore_label")),
        pixel_floats_(padded(logits.c())) {
    blended_ = scratch.add(threads * row_floats * 4);
    pixel_ = scratch.add(threads * pixel_floats_ * 4);
  }

  Labels labels(const TensorView& logits, const TensorView& label, const TensorView& class_weights,
                const TensorView& counted) const {
    return {label, class_weights, counted, logits.desc.c(), ignore_label_};
  }
  template <class T>
  Row<T> row(const Labels& labels, const TensorView& logits, std::int64_t i) const {
    const TensorDesc& desc = logits.desc;
    const numeric::InterpolationWeights& tap = rows.taps[static_cast<std::size_t>(i % labels.h)];
    const auto source = [&](std::int32_t y) {
      const std::int64_t pixel = (i / labels.h * desc.h() + y) * desc.w();
      return LogitRow<T>{logits.as<const T>() + pixel * desc.pixel_stride, desc.pixel_stride};
    };
    return {labels.row(i),     labels.counted_row(i), labels.weights, labels.w, labels.ignore,      tap,
            source(tap.first), source(tap.second),    desc.w(),       desc.c(), columns.taps.data()};
  }
  float* blended(void* memory) const {
    return scratch_at<float>(memory, blended_) + omp_get_thread_num() * row_floats;
  }
  float* pixel(void* memory) const {
    return scratch_at<float>(memory, pixel_) + omp_get_thread_num() * pixel_floats_;
  }

  int threads;
  numeric::Sampling rows, columns;
  std::int64_t row_floats;  // of a padded low-resolution row
  ScratchPlan scratch;

 private:
  std::int64_t ignore_label_;
  std::int64_t pixel_floats_;
  std::int64_t blended_ = 0, pixel_ = 0;
};

template <class T>
class Totals final : public Kernel {
 public:
  static constexpr std::size_t kLogits = 0;  // the label follows
  explicit Totals(const KernelRequest& request) : geometry_(request, request.inputs[0], request.inputs[1]) {
    const Shape& label = request.inputs[1].shape;
    rows_ = geometry_.scratch.add(label[0] * label[1] * static_cast<std::int64_t>(sizeof(RowSums)));
    predictions_ = geometry_.scratch.add(label.count() * 4);
  }
  std::string_view name() const override { return "resize_cross_entropy_totals"; }
  std::int64_t scratch_bytes() const override { return geometry_.scratch.bytes(); }

  Status run(const KernelRun& run) override {
    const TensorView& logits = run.inputs[0];
    const Labels labels = geometry_.labels(logits, run.inputs[1], run.inputs[2], run.inputs[3]);
    GRAPHRUN_TRY(check_labels(labels));
    const Scores scores{scratch_at<RowSums>(run.scratch, rows_),
                        scratch_at<std::int32_t>(run.scratch, predictions_)};
    cpu::parallel_for(geometry_.threads, labels.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const Row<T> row = geometry_.row<T>(labels, logits, i);
        scores.rows[i] = any_valid(row)
                             ? score_row(row, geometry_.blended(run.scratch), geometry_.pixel(run.scratch),
                                         scores.predictions + i * labels.w)
                             : RowSums();
      }
    });
    total_up(labels, scores, run.outputs[0].as<double>(), run.outputs[1].as<std::int64_t>());
    return {};
  }

 private:
  Geometry geometry_;
  std::int64_t rows_ = 0, predictions_ = 0;
};

template <class T>
class Probability final : public Kernel {
 public:
  static constexpr std::size_t kLogits = 0;  // the label follows
  explicit Probability(const KernelRequest& request)
      : geometry_(request, request.inputs[0], request.inputs[1]) {}
  std::string_view name() const override { return "resize_label_probability"; }
  std::int64_t scratch_bytes() const override { return geometry_.scratch.bytes(); }

  Status run(const KernelRun& run) override {
    const Labels labels = geometry_.labels(run.inputs[0], run.inputs[1], {}, {});
    GRAPHRUN_TRY(check_labels(labels));
    cpu::parallel_for(geometry_.threads, labels.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        probability_row(geometry_.row<T>(labels, run.inputs[0], i), geometry_.blended(run.scratch),
                        geometry_.pixel(run.scratch), run.outputs[0].as<float>() + i * labels.w);
    });
    return {};
  }

 private:
  Geometry geometry_;
};

// A task is the interval of label rows between two rows of logits. It sums their share for the row above into
// the result and for the row below into a buffer, which a second loop adds: no row has two writers, and sums
// do not depend on the threads.
template <class T>
class Grad final : public Kernel {
 public:
  static constexpr std::size_t kLogits = 1;  // the label follows
  explicit Grad(const KernelRequest& request) : geometry_(request, request.inputs[1], request.inputs[2]) {
    const TensorDesc& logits = request.inputs[1];
    const std::int64_t row_bytes = geometry_.row_floats * 4;
    below_ = geometry_.scratch.add(logits.n() * logits.h() * row_bytes);
    above_ = geometry_.scratch.add(geometry_.threads * row_bytes);
    line_ = geometry_.scratch.add(geometry_.threads * row_bytes);
  }
  std::string_view name() const override { return "resize_cross_entropy_grad"; }
  std::int64_t scratch_bytes() const override { return geometry_.scratch.bytes(); }

  Status run(const KernelRun& run) override {
    const Labels labels = geometry_.labels(run.inputs[1], run.inputs[2], run.inputs[3], {});
    GRAPHRUN_TRY(check_labels(labels));
    const TensorDesc& to = run.outputs[0].desc;
    cpu::parallel_for(geometry_.threads, to.n() * to.h(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t source = begin; source < end; ++source) sum_interval(run, labels, source);
    });
    cpu::parallel_for(geometry_.threads, to.n() * to.h(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t source = begin; source < end; ++source) {
        if (source % to.h() == 0) continue;
        const float* from = below(run.scratch, source - 1);
        for (std::int64_t x = 0; x < to.w(); ++x)
          add_scaled(1.0f, from + x * padded(to.c()), to.c(), pixel_of(run.outputs[0], source, x));
      }
    });
    return {};
  }

 private:
  static T* pixel_of(const TensorView& to, std::int64_t row, std::int64_t x) {
    return to.as<T>() + (row * to.desc.w() + x) * to.desc.pixel_stride;
  }
  float* below(void* memory, std::int64_t source) const {
    return scratch_at<float>(memory, below_) + source * geometry_.row_floats;
  }
  float* of_thread(void* memory, std::int64_t offset) const {
    return scratch_at<float>(memory, offset) + omp_get_thread_num() * geometry_.row_floats;
  }

  void sum_interval(const KernelRun& run, const Labels& labels, std::int64_t source) const {
    const TensorDesc& to = run.outputs[0].desc;
    const auto gradient = static_cast<float>(run.inputs[0].as<const double>()[0]);
    float* above = of_thread(run.scratch, above_);
    float* line = of_thread(run.scratch, line_);
    float* under = below(run.scratch, source);
    const std::int64_t count = geometry_.row_floats;
    std::memset(above, 0, static_cast<std::size_t>(count) * 4);
    std::memset(under, 0, static_cast<std::size_t>(count) * 4);
    const auto at = static_cast<std::size_t>(source % to.h());
    for (std::int32_t y = geometry_.rows.readers[at]; y < geometry_.rows.readers[at + 1]; ++y) {
      const Row<T> row = geometry_.row<T>(labels, run.inputs[1], source / to.h() * labels.h + y);
      if (!any_valid(row)) continue;
      grad_row(row, gradient, geometry_.blended(run.scratch), geometry_.pixel(run.scratch), line);
      add_scaled(row.tap.first_weight, line, count, above);
      if (row.tap.second != row.tap.first) add_scaled(row.tap.second_weight, line, count, under);
    }
    for (std::int64_t x = 0; x < to.w(); ++x)
      store(above + x * padded(to.c()), to.c(), pixel_of(run.outputs[0], source, x));
  }

  Geometry geometry_;
  std::int64_t below_ = 0, above_ = 0, line_ = 0;
};

template <template <class> class K>
Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  constexpr std::size_t kLogits = K<float>::kLogits;
  GRAPHRUN_TRY(take_label_tables(request, request.inputs[kLogits], request.inputs[kLogits + 1]));
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    return std::unique_ptr<Kernel>(std::make_unique<K<T>>(request));
  });
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"resize_label_probability", "resize_label_probability", prepare<Probability>},
          {"resize_cross_entropy_totals", "resize_cross_entropy_totals", prepare<Totals>},
          {"resize_cross_entropy_grad", "resize_cross_entropy_grad", prepare<Grad>}};
}

}  // namespace graphrun::ops::resize_cross_entropy
