#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "ops/cross_entropy/pixel_loss.h"

// What the kernels of cross entropy at full size and from small logits have in common on the CPU.
namespace graphrun::ops::cross_entropy {

// Labels of a batch, i32 (N, H, W), and what their pixels count.
struct Labels {
  const std::int32_t* data;
  const std::int32_t* counted;  // the same, with `ignore` on pixels that the loss leaves out
  const float* weights;         // of classes; null: all 1
  std::int64_t images, h, w;
  std::int64_t classes;
  std::int32_t ignore;
  PixelLoss rule;

  Labels(const TensorView& label, const TensorView& class_weights, const TensorView& counted_label,
         std::int64_t classes_, std::int64_t ignore_label, PixelLoss rule_ = {})
      : data(label.as<const std::int32_t>()),
        counted(counted_label.data == nullptr ? data : counted_label.as<const std::int32_t>()),
        weights(class_weights.as<const float>()),
        images(label.desc.shape[0]),
        h(label.desc.shape[1]),
        w(label.desc.shape[2]),
        classes(classes_),
        ignore(static_cast<std::int32_t>(ignore_label)),
        rule(rule_) {}

  std::int64_t rows() const { return images * h; }  // of all images
  const std::int32_t* row(std::int64_t i) const { return data + i * w; }
  const std::int32_t* counted_row(std::int64_t i) const { return counted + i * w; }
};

inline float weight_of(const float* weights, std::int32_t label) {
  return weights == nullptr ? 1.0f : weights[label];
}

// What all classes together weigh.
inline float weight_of_all(const float* weights, std::int64_t classes) {
  if (weights == nullptr) return static_cast<float>(classes);
  float sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) sum += weights[c];
  return sum;
}

// A pixel with its logits, the largest of them, and the sum of e^(logit - max).
struct ScoredPixel {
  const float* logits;
  float max;
  float sum;
};

// The weighted loss of a pixel (PixelLoss).
[[gnu::always_inline]] inline double pixel_loss(const PixelLoss& rule, const float* weights,
                                                std::int64_t classes, std::int32_t label,
                                                const ScoredPixel& pixel) {
  const float log_sum = std::log(pixel.sum);
  const float nll = log_sum - (pixel.logits[label] - pixel.max);
  const double own = static_cast<double>(weight_of(weights, label)) * static_cast<double>(nll);
  if (rule.focus != 0) return own * static_cast<double>(rule.factor(nll));
  if (rule.smoothing == 0) return own;
  double all = 0;
  for (std::int64_t c = 0; c < classes; ++c)
    all += static_cast<double>(weight_of(weights, static_cast<std::int32_t>(c)) *
                               (log_sum - (pixel.logits[c] - pixel.max)));
  const auto share = static_cast<double>(rule.smoothing);
  return (1 - share) * own + share / static_cast<double>(classes) * all;
}

// Turns e[c] = e^(logit c - max) of `channels`, padding included, into `gradient` times the gradient of the
// pixel's loss; `at_label` is the label's logit - max.
[[gnu::always_inline]] inline void pixel_gradient(const PixelLoss& rule, const float* weights,
                                                  std::int64_t classes, std::int32_t label, float gradient,
                                                  float at_label, float sum, float* e,
                                                  std::int64_t channels) {
  float own = gradient * weight_of(weights, label);
  if (rule.focus != 0) own *= rule.slope(std::log(sum) - at_label);
  float all = own;
  float share = 0;
  if (rule.smoothing != 0) {
    share = gradient * rule.smoothing / static_cast<float>(classes);
    own *= 1 - rule.smoothing;
    all = own + share * weight_of_all(weights, classes);
  }
  const float factor = all / sum;
  for (std::int64_t c = 0; c < channels; ++c) e[c] *= factor;
  if (share != 0) {
    for (std::int64_t c = 0; c < classes; ++c)
      e[c] -= share * weight_of(weights, static_cast<std::int32_t>(c));
  }
  e[label] -= own;
}

// Labels are the user's data: the first one that is no class comes back as an error with its place. `counted`
// must be as good, because it is an input of its own.
Status check_labels(const Labels& labels);

// The counted pixels of a row.
struct RowSums {
  double loss = 0;    // weighted
  double weight = 0;  // sum
};

// Parts of the totals, in scratch: each row of labels has its sums, each valid pixel its prediction, so that
// rows can be computed in any order at once.
struct Scores {
  RowSums* rows;
  std::int32_t* predictions;  // of each pixel; undefined where ignored
};

// The confusion matrix of predictions of valid pixels; null: unwanted.
void count_predictions(const Labels& labels, const std::int32_t* predictions, std::int64_t* confusion);
// Adds up in the order of rows. confusion may be null.
void total_up(const Labels& labels, const Scores& scores, double* totals, std::int64_t* confusion);

}  // namespace graphrun::ops::cross_entropy
