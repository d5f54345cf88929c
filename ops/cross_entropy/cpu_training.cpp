#include "graphrun/kernel/kernel.h"
#include "ops/common/activation.h"
#include "ops/common/scratch.h"
#include "ops/cross_entropy/cpu_ohem.h"
#include "ops/cross_entropy/cpu_scores.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"
#include "runtime/numeric/softmax_row.h"

namespace graphrun::ops::cross_entropy {
namespace {

// Loss and predictions of one row of labels, whose logits begin at `logits`.
GRAPHRUN_SIMD void score_row(const Labels& labels, const float* logits, std::int64_t stride, std::int64_t row,
                             const Scores& scores) {
  const std::int32_t* label = labels.row(row);
  const std::int32_t* counted = labels.counted_row(row);
  RowSums sums;
  for (std::int64_t x = 0; x < labels.w; ++x, logits += stride) {
    if (label[x] == labels.ignore) continue;
    const float max = numeric::row_max(logits, labels.classes);
    scores.predictions[row * labels.w + x] = numeric::row_find(logits, max, labels.classes);
    if (counted[x] == labels.ignore) continue;
    const float sum = numeric::row_exp_sum(logits, max, labels.classes);
    sums.loss += pixel_loss(labels.rule, labels.weights, labels.classes, counted[x], {logits, max, sum});
    sums.weight += static_cast<double>(weight_of(labels.weights, counted[x]));
  }
  scores.rows[row] = sums;
}

GRAPHRUN_SIMD void grad_row(const Labels& labels, float gradient, const float* logits, std::int64_t stride,
                            std::int64_t row, float* to, std::int64_t to_stride) {
  const std::int32_t* label = labels.row(row);
  for (std::int64_t x = 0; x < labels.w; ++x, logits += stride, to += to_stride) {
    if (label[x] == labels.ignore) {
      for (std::int64_t c = 0; c < labels.classes; ++c) to[c] = 0;
    } else {
      const float max = numeric::row_max(logits, labels.classes);
      const float at_label = logits[label[x]] - max;  // `to` may be where the logits are
      const float sum = numeric::row_exp(logits, max, labels.classes, to);
      pixel_gradient(labels.rule, labels.weights, labels.classes, label[x], gradient, at_label, sum, to,
                     labels.classes);
    }
  }
}

class Totals final : public Kernel {
 public:
  explicit Totals(const KernelRequest& request)
      : ignore_label_(request.attrs.integer("ignore_label")),
        rule_(rule_of(request.attrs)),
        threads_(request.threads) {
    const TensorDesc& label = request.inputs[1];
    rows_ = plan_.add(label.shape[0] * label.shape[1] * static_cast<std::int64_t>(sizeof(RowSums)));
    predictions_ = plan_.add(label.shape.count() * 4);
  }
  std::string_view name() const override { return "cross_entropy_totals"; }
  std::int64_t scratch_bytes() const override { return plan_.bytes(); }
  Status run(const KernelRun& run) override {
    const TensorView& logits = run.inputs[0];
    const Labels labels(run.inputs[1], run.inputs[2], run.inputs[3], logits.desc.c(), ignore_label_, rule_);
    GRAPHRUN_TRY(check_labels(labels));
    const Scores scores{scratch_at<RowSums>(run.scratch, rows_),
                        scratch_at<std::int32_t>(run.scratch, predictions_)};
    const std::int64_t stride = logits.desc.pixel_stride;
    cpu::parallel_for(threads_, labels.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row)
        score_row(labels, logits.as<const float>() + row * labels.w * stride, stride, row, scores);
    });
    total_up(labels, scores, run.outputs[0].as<double>(), run.outputs[1].as<std::int64_t>());
    return {};
  }

 private:
  std::int64_t ignore_label_;
  PixelLoss rule_;
  int threads_;
  ScratchPlan plan_;
  std::int64_t rows_ = 0, predictions_ = 0;
};

class Grad final : public Kernel {
 public:
  explicit Grad(const KernelRequest& request)
      : ignore_label_(request.attrs.integer("ignore_label")),
        rule_(rule_of(request.attrs)),
        threads_(request.threads) {}
  std::string_view name() const override { return "cross_entropy_grad"; }
  Status run(const KernelRun& run) override {
    const TensorView& logits = run.inputs[1];
    const TensorView& to = run.outputs[0];
    const Labels labels(run.inputs[2], run.inputs[3], {}, logits.desc.c(), ignore_label_, rule_);
    GRAPHRUN_TRY(check_labels(labels));
    const auto gradient = static_cast<float>(run.inputs[0].as<const double>()[0]);
    cpu::parallel_for(threads_, labels.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t pixel = row * labels.w;
        grad_row(labels, gradient, logits.as<const float>() + pixel * logits.desc.pixel_stride,
                 logits.desc.pixel_stride, row, to.as<float>() + pixel * to.desc.pixel_stride,
                 to.desc.pixel_stride);
      }
    });
    return {};
  }

 private:
  std::int64_t ignore_label_;
  PixelLoss rule_;
  int threads_;
};

class MeanLoss final : public Kernel {
 public:
  std::string_view name() const override { return "mean_loss"; }
  Status run(const KernelRun& run) override {
    const auto* totals = run.inputs[0].as<const double>();
    *run.outputs[0].as<float>() = totals[1] > 0 ? static_cast<float>(totals[0] / totals[1]) : 0.0f;
    return {};
  }
};

class MeanLossGrad final : public Kernel {
 public:
  std::string_view name() const override { return "mean_loss_grad"; }
  Status run(const KernelRun& run) override {
    const double gloss = static_cast<double>(*run.inputs[0].as<const float>());
    const double weight = run.inputs[1].as<const double>()[1];
    auto* gtotals = run.outputs[0].as<double>();
    gtotals[0] = weight > 0 ? gloss / weight : 0;
    gtotals[1] = 0;
    return {};
  }
};

template <class K>
Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  return std::unique_ptr<Kernel>(std::make_unique<K>(request));
}

template <class K>
Result<std::unique_ptr<Kernel>> prepare_scalar(const KernelRequest&) {
  return std::unique_ptr<Kernel>(std::make_unique<K>());
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"cross_entropy_totals", "cross_entropy_totals", prepare<Totals>},
          {"cross_entropy_grad", "cross_entropy_grad", prepare<Grad>},
          {"mean_loss", "mean_loss", prepare_scalar<MeanLoss>},
          {"mean_loss_grad", "mean_loss_grad", prepare_scalar<MeanLossGrad>},
          {"label_probability", "label_probability", prepare_probability},
          {"hard_label", "hard_label", prepare_hard_label}};
}

}  // namespace graphrun::ops::cross_entropy
