#include "ops/cross_entropy/cpu_ohem.h"

#include <algorithm>
#include <numeric>

#include "ops/common/activation.h"
#include "ops/common/function_kernel.h"
#include "ops/common/scratch.h"
#include "ops/cross_entropy/cpu_scores.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"
#include "runtime/numeric/softmax_row.h"

namespace graphrun::ops::cross_entropy {
namespace {

GRAPHRUN_SIMD void probability_row(const Labels& labels, const float* logits, std::int64_t stride,
                                   std::int64_t row, float* probability) {
  const std::int32_t* label = labels.row(row);
  for (std::int64_t x = 0; x < labels.w; ++x, logits += stride) {
    if (label[x] == labels.ignore) {
      probability[x] = 1;
      continue;
    }
    const float max = numeric::row_max(logits, labels.classes);
    probability[x] =
        numeric::exp_float(logits[label[x]] - max) / numeric::row_exp_sum(logits, max, labels.classes);
  }
}

// A loss that is not a number must show: such a pixel is the hardest of all.
inline float sortable(float probability) { return probability >= 0 ? probability : -1.0f; }

struct Counts {
  std::int64_t valid = 0;
  std::int64_t below = 0;  // the threshold
};

GRAPHRUN_SIMD Counts count(const std::int32_t* label, const float* probability, std::int64_t pixels,
                           std::int32_t ignore, float threshold) {
  std::int64_t valid = 0;
  std::int64_t below = 0;
  for (std::int64_t i = 0; i < pixels; ++i) {
    const int is_valid = label[i] != ignore ? 1 : 0;
    valid += is_valid;
    below += is_valid & (sortable(probability[i]) < threshold ? 1 : 0);
  }
  return {valid, below};
}

GRAPHRUN_SIMD void keep_hard(const std::int32_t* label, const float* probability, std::int64_t pixels,
                             std::int32_t ignore, float limit, std::int32_t* hard) {
  for (std::int64_t i = 0; i < pixels; ++i) hard[i] = sortable(probability[i]) < limit ? label[i] : ignore;
}

// The probability at place `index` of the sorted valid ones.
float probability_at(const std::int32_t* label, const float* probability, std::int64_t pixels,
                     std::int32_t ignore, std::int64_t index, float* sorted) {
  float* end = sorted;
  for (std::int64_t i = 0; i < pixels; ++i) {
    if (label[i] != ignore) *end++ = sortable(probability[i]);
  }
  std::nth_element(sorted, sorted + index, end);
  return sorted[index];
}

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_probability(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const auto run = [ignore = request.attrs.integer("ignore_label"),
                    threads = request.threads](const KernelRun& io) -> Status {
    const TensorView& logits = io.inputs[0];
    const Labels labels(io.inputs[1], {}, {}, logits.desc.c(), ignore);
    GRAPHRUN_TRY(check_labels(labels));
    const std::int64_t stride = logits.desc.pixel_stride;
    cpu::parallel_for(threads, labels.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t pixel = row * labels.w;
        probability_row(labels, logits.as<const float>() + pixel * stride, stride, row,
                        io.outputs[0].as<float>() + pixel);
      }
    });
    return {};
  };
  return make_function_kernel("label_probability", 0, run);
}

Result<std::unique_ptr<Kernel>> prepare_hard_label(const KernelRequest& request) {
  constexpr std::int64_t kGrain = 1 << 16;  // pixels
  const std::int64_t pixels = request.inputs[0].shape.count();
  ScratchPlan plan;
  const std::int64_t sorted = plan.add(pixels * static_cast<std::int64_t>(sizeof(float)));
  const std::int64_t pieces = cpu::piece_count(pixels, kGrain);
  const std::int64_t counts = plan.add(pieces * static_cast<std::int64_t>(sizeof(Counts)));
  const auto run = [pixels, sorted, pieces, counts, threads = request.threads,
                    ignore = static_cast<std::int32_t>(request.attrs.integer("ignore_label")),
                    threshold = static_cast<float>(request.attrs.real("threshold")),
                    min_kept = request.attrs.integer("min_kept"),
                    min_share = request.attrs.real("min_share")](const KernelRun& io) {
    const auto* label = io.inputs[0].as<const std::int32_t>();
    const auto* probability = io.inputs[1].as<const float>();
    auto* hard = io.outputs[0].as<std::int32_t>();
    auto* parts = scratch_at<Counts>(io.scratch, counts);
    cpu::parallel_for(threads, pixels, kGrain, [&](std::int64_t begin, std::int64_t end) {
      parts[begin / kGrain] = count(label + begin, probability + begin, end - begin, ignore, threshold);
    });
    const Counts all = std::accumulate(parts, parts + pieces, Counts(), [](Counts a, const Counts& b) {
      return Counts{a.valid + b.valid, a.below + b.below};
    });
    // The threshold is the larger one where more pixels are below it than must be kept.
    const auto share = static_cast<std::int64_t>(min_share * static_cast<double>(all.valid));
    const std::int64_t index = std::min(std::max(min_kept, share), all.valid - 1);
    float limit = threshold;
    if (all.valid > 0 && all.below <= index)
      limit =
          probability_at(label, probability, pixels, ignore, index, scratch_at<float>(io.scratch, sorted));
    cpu::parallel_for(threads, pixels, kGrain, [&](std::int64_t begin, std::int64_t end) {
      keep_hard(label + begin, probability + begin, end - begin, ignore, limit, hard + begin);
    });
  };
  return make_function_kernel("hard_label", plan.bytes(), run);
}

}  // namespace graphrun::ops::cross_entropy
