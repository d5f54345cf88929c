#pragma once

#include <atomic>
#include <cstring>
#include <limits>
#include <optional>

#include "ops/common/compute_type.h"
#include "ops/common/sampling_tables.h"
#include "ops/resize_cross_entropy/cpu_gradient.h"
#include "runtime/numeric/softmax_row.h"

// Kernels of sums over labelled pixels and of their gradients, for logits of any size.
namespace graphrun::ops::region_loss {

using cross_entropy::Labels;
using resize_cross_entropy::Geometry;
using resize_cross_entropy::Row;

// Sums are added in whole units of 2^-32 (what is left is cut off), so that they do not depend on the order,
// hence not on the threads. They stay below 2^31: the errors and probabilities of a batch's pixels.
inline constexpr double kUnits = 4294967296.0;

// A thread's sums. What is not a number must show in all of them.
class FixedSums {
 public:
  explicit FixedSums(std::int64_t* cells) : cells_(cells) {}

  // Cell 0 says whether any value was no number.
  void add(std::int64_t cell, double value) {
    if (value >= 0 && value < kUnits / 2)
      cells_[1 + cell] += static_cast<std::int64_t>(value * kUnits);
    else
      cells_[0] = 1;
  }
  void add_one(std::int64_t cell) { cells_[1 + cell] += std::int64_t{1} << 32; }

 private:
  std::int64_t* cells_;
};

// The rule by which logits become logits at label size; none where the op has no attributes for it.
inline numeric::Interpolation rule_of(const KernelRequest& request) {
  for (const AttrSpec& attr : request.def.attrs)
    if (attr.name == "align_corners") return interpolation_of(request.attrs);
  return numeric::Interpolation::nearest;
}

// Sum::cells(classes) is how many sums there are; add_row(row, ...) adds a row of labels to a thread's sums
// and writes the predictions of its valid pixels.
template <class Sum, class T>
class TotalsKernel final : public Kernel {
 public:
  explicit TotalsKernel(const KernelRequest& request)
      : name_(request.def.name),
        geometry_(request.threads, rule_of(request), request.inputs[0], request.inputs[1]),
        cells_(Sum::cells(request.inputs[0].c())),
        ignore_label_(request.attrs.integer("ignore_label")) {
    predictions_ = geometry_.scratch.add(request.inputs[1].shape.count() * 4);
    sums_ = geometry_.scratch.add(geometry_.threads * sums_bytes());
    line_ = geometry_.scratch.add(geometry_.threads * geometry_.pixel_floats * 4);
  }
  std::string_view name() const override { return name_; }
  std::int64_t scratch_bytes() const override { return geometry_.scratch.bytes(); }

  Status run(const KernelRun& run) override {
    const TensorView& logits = run.inputs[0];
    const Labels labels(run.inputs[1], {}, {}, logits.desc.c(), ignore_label_);
    GRAPHRUN_TRY(check_labels(labels));
    auto* predictions = scratch_at<std::int32_t>(run.scratch, predictions_);
    for (int thread = 0; thread < geometry_.threads; ++thread)
      std::memset(sums_of(run.scratch, thread), 0, static_cast<std::size_t>(sums_bytes()));
    cpu::parallel_for(geometry_.threads, labels.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
      const int thread = omp_get_thread_num();
      float* line = scratch_at<float>(run.scratch, line_) + thread * geometry_.pixel_floats;
      for (std::int64_t i = begin; i < end; ++i) {
        const Row<T> row = geometry_.row<T>(labels, logits, i);
        if (!row.any_valid()) continue;
        Sum::add_row(row, geometry_.blended(run.scratch), geometry_.pixel(run.scratch), line,
                     FixedSums(sums_of(run.scratch, thread)), predictions + i * labels.w);
      }
    });
    total_up(run.scratch, run.outputs[0].as<double>());
    count_predictions(labels, predictions, run.outputs[1].as<std::int64_t>());
    return {};
  }

 private:
  std::int64_t sums_bytes() const { return (1 + cells_) * 8; }
  std::int64_t* sums_of(void* scratch, int thread) const {
    return scratch_at<std::int64_t>(scratch, sums_) + thread * (1 + cells_);
  }
  void total_up(void* scratch, double* totals) const {
    bool numbers = true;
    for (int thread = 0; thread < geometry_.threads; ++thread) numbers &= *sums_of(scratch, thread) == 0;
    for (std::int64_t cell = 0; cell < cells_; ++cell) {
      std::int64_t sum = 0;
      for (int thread = 0; thread < geometry_.threads; ++thread) sum += sums_of(scratch, thread)[1 + cell];
      totals[cell] = numbers ? static_cast<double>(sum) / kUnits : std::numeric_limits<double>::quiet_NaN();
    }
  }

  std::string_view name_;
  Geometry geometry_;
  std::int64_t cells_;
  std::int64_t ignore_label_;
  std::int64_t predictions_ = 0, sums_ = 0, line_ = 0;
};

// gradient(pixel, max, label) as RowGradients takes it, from pixel to pixel of logits that have the label's
// size. `to` may lie where the logits do.
template <class T, class PixelGradient>
[[gnu::flatten]] GRAPHRUN_SIMD void grad_pixels(const Row<T>& row, const PixelGradient& gradient,
                                                float* pixel, T* to, std::int64_t stride) {
  for (std::int64_t x = 0; x < row.width; ++x, to += stride) {
    const std::int32_t label = row.label[x];
    if (label == row.ignore) {
      for (std::int64_t c = 0; c < row.channels; ++c) to[c] = T(0.0f);
      continue;
    }
    const T* from = row.above.data + x * row.above.stride;
    for (std::int64_t c = 0; c < row.channels; ++c) pixel[c] = static_cast<float>(from[c]);
    for (std::int64_t c = row.channels; c < resize_cross_entropy::padded(row.channels); ++c)
      pixel[c] = resize_cross_entropy::kPadding;
    gradient(pixel, numeric::row_max(pixel, row.channels), label);
    for (std::int64_t c = 0; c < row.channels; ++c) to[c] = T(pixel[c]);
  }
}

// Sum::Gradient(gtotals, classes, tables) is such a function; `tables` are Sum::table_floats(classes). Labels
// are 0 to Sum::labels(classes) - 1.
template <class Sum, class T>
class GradKernel final : public Kernel {
 public:
  explicit GradKernel(const KernelRequest& request)
      : name_(request.def.name),
        geometry_(request.threads, rule_of(request), request.inputs[1], request.inputs[2]),
        ignore_label_(request.attrs.integer("ignore_label")) {
    if (request.def.name.starts_with("resize_")) gradients_.emplace(geometry_, request.inputs[1]);
    tables_ = geometry_.scratch.add(Sum::table_floats(request.inputs[1].c()) * 4);
  }
  std::string_view name() const override { return name_; }
  std::int64_t scratch_bytes() const override { return geometry_.scratch.bytes(); }

  Status run(const KernelRun& run) override {
    const TensorView& logits = run.inputs[1];
    const TensorView& to = run.outputs[0];
    const Labels labels(run.inputs[2], {}, {}, Sum::labels(logits.desc.c()), ignore_label_);
    GRAPHRUN_TRY(check_labels(labels));
    const typename Sum::Gradient gradient(run.inputs[0].as<const double>(), logits.desc.c(),
                                          scratch_at<float>(run.scratch, tables_));
    if (gradients_) {
      gradients_->run<T>(labels, logits, to, run.scratch, gradient);
      return {};
    }
    cpu::parallel_for(geometry_.threads, labels.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        grad_pixels(geometry_.row<T>(labels, logits, i), gradient, geometry_.pixel(run.scratch),
                    to.as<T>() + i * labels.w * to.desc.pixel_stride, to.desc.pixel_stride);
    });
    return {};
  }

 private:
  std::string_view name_;
  Geometry geometry_;
  std::optional<resize_cross_entropy::RowGradients> gradients_;
  std::int64_t ignore_label_;
  std::int64_t tables_ = 0;
};

template <template <class, class> class K, class Sum, std::size_t kLogits>
Result<std::unique_ptr<Kernel>> prepare_sums(const KernelRequest& request) {
  GRAPHRUN_TRY(take_label_tables(request, request.inputs[kLogits], request.inputs[kLogits + 1]));
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    return std::unique_ptr<Kernel>(std::make_unique<K<Sum, T>>(request));
  });
}

}  // namespace graphrun::ops::region_loss
