#include "ops/common/compute_type.h"
#include "ops/common/sampling_tables.h"
#include "ops/resize_cross_entropy/cpu_gradient.h"
#include "runtime/numeric/softmax_row.h"

// Cross entropy of logits that exist at label size one pixel at a time only.
namespace graphrun::ops::resize_cross_entropy {
namespace {

using cross_entropy::Labels;
using cross_entropy::RowSums;
using cross_entropy::Scores;
using cross_entropy::weight_of;

// Returns the row's sums and writes the predictions of valid pixels.
template <class T>
GRAPHRUN_SIMD RowSums score_row(const Row<T>& row, const Labels& labels, float* blended, float* pixel,
                                std::int32_t* predictions) {
  const std::int64_t channels = padded(row.channels);
  row.blend(blended);
  RowSums sums;
  for (std::int64_t x = 0; x < row.width; ++x) {
    if (row.label[x] == row.ignore) continue;
    const float max = row.blend_pixel(blended, x, pixel);
    const std::int32_t best = numeric::row_find(pixel, max, channels);
    predictions[x] = best < row.channels ? best : 0;
    const std::int32_t label = row.counted[x];
    if (label == row.ignore) continue;
    sums.loss += pixel_loss(labels.rule, labels.weights, row.channels, label,
                            {pixel, max, numeric::row_exp_sum(pixel, max, channels)});
    sums.weight += static_cast<double>(weight_of(labels.weights, label));
  }
  return sums;
}

template <class T>
GRAPHRUN_SIMD void probability_row(const Row<T>& row, float* blended, float* pixel, float* probability) {
  const std::int64_t channels = padded(row.channels);
  row.blend(blended);
  for (std::int64_t x = 0; x < row.width; ++x) {
    const std::int32_t label = row.label[x];
    if (label == row.ignore) {
      probability[x] = 1;
      continue;
    }
    const float max = row.blend_pixel(blended, x, pixel);
    probability[x] = numeric::exp_float(pixel[label] - max) / numeric::row_exp_sum(pixel, max, channels);
  }
}

Geometry geometry_of(const KernelRequest& request, std::size_t logits) {
  return {request.threads, interpolation_of(request.attrs), request.inputs[logits],
          request.inputs[logits + 1]};
}

template <class T>
class Totals final : public Kernel {
 public:
  static constexpr std::size_t kLogits = 0;  // the label follows
  explicit Totals(const KernelRequest& request)
      : geometry_(geometry_of(request, kLogits)),
        ignore_label_(request.attrs.integer("ignore_label")),
        rule_(cross_entropy::rule_of(request.attrs)) {
    const Shape& label = request.inputs[1].shape;
    rows_ = geometry_.scratch.add(label[0] * label[1] * static_cast<std::int64_t>(sizeof(RowSums)));
    predictions_ = geometry_.scratch.add(label.count() * 4);
  }
  std::string_view name() const override { return "resize_cross_entropy_totals"; }
  std::int64_t scratch_bytes() const override { return geometry_.scratch.bytes(); }

  Status run(const KernelRun& run) override {
    const TensorView& logits = run.inputs[0];
    const Labels labels(run.inputs[1], run.inputs[2], run.inputs[3], logits.desc.c(), ignore_label_, rule_);
    GRAPHRUN_TRY(check_labels(labels));
    const Scores scores{scratch_at<RowSums>(run.scratch, rows_),
                        scratch_at<std::int32_t>(run.scratch, predictions_)};
    cpu::parallel_for(geometry_.threads, labels.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const Row<T> row = geometry_.row<T>(labels, logits, i);
        scores.rows[i] = row.any_valid()
                             ? score_row(row, labels, geometry_.blended(run.scratch),
                                         geometry_.pixel(run.scratch), scores.predictions + i * labels.w)
                             : RowSums();
      }
    });
    total_up(labels, scores, run.outputs[0].as<double>(), run.outputs[1].as<std::int64_t>());
    return {};
  }

 private:
  Geometry geometry_;
  std::int64_t ignore_label_;
  cross_entropy::PixelLoss rule_;
  std::int64_t rows_ = 0, predictions_ = 0;
};

template <class T>
class Probability final : public Kernel {
 public:
  static constexpr std::size_t kLogits = 0;  // the label follows
  explicit Probability(const KernelRequest& request)
      : geometry_(geometry_of(request, kLogits)), ignore_label_(request.attrs.integer("ignore_label")) {}
  std::string_view name() const override { return "resize_label_probability"; }
  std::int64_t scratch_bytes() const override { return geometry_.scratch.bytes(); }

  Status run(const KernelRun& run) override {
    const Labels labels(run.inputs[1], {}, {}, run.inputs[0].desc.c(), ignore_label_);
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
  std::int64_t ignore_label_;
};

template <class T>
class Grad final : public Kernel {
 public:
  static constexpr std::size_t kLogits = 1;  // the label follows
  explicit Grad(const KernelRequest& request)
      : geometry_(geometry_of(request, kLogits)),
        gradients_(geometry_, request.inputs[kLogits]),
        ignore_label_(request.attrs.integer("ignore_label")),
        rule_(cross_entropy::rule_of(request.attrs)) {}
  std::string_view name() const override { return "resize_cross_entropy_grad"; }
  std::int64_t scratch_bytes() const override { return geometry_.scratch.bytes(); }

  Status run(const KernelRun& run) override {
    const Labels labels(run.inputs[2], run.inputs[3], {}, run.inputs[1].desc.c(), ignore_label_, rule_);
    GRAPHRUN_TRY(check_labels(labels));
    const auto scale = static_cast<float>(run.inputs[0].as<const double>()[0]);
    const std::int64_t channels = geometry_.pixel_floats;
    gradients_.run<T>(labels, run.inputs[1], run.outputs[0], run.scratch,
                      [&](float* pixel, float max, std::int32_t label) {
                        const float at_label = pixel[label] - max;
                        const float sum = numeric::row_exp(pixel, max, channels, pixel);
                        pixel_gradient(labels.rule, labels.weights, labels.classes, label, scale, at_label,
                                       sum, pixel, channels);
                      });
    return {};
  }

 private:
  Geometry geometry_;
  RowGradients gradients_;
  std::int64_t ignore_label_;
  cross_entropy::PixelLoss rule_;
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

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"resize_label_probability", "resize_label_probability", prepare<Probability>},
          {"resize_cross_entropy_totals", "resize_cross_entropy_totals", prepare<Totals>},
          {"resize_cross_entropy_grad", "resize_cross_entropy_grad", prepare<Grad>}};
}

}  // namespace graphrun::ops::resize_cross_entropy
