#pragma once

#include <cstdint>
#include <span>

#include "graphrun/status.h"
#include "graphrun/tensor.h"

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

  Labels(const TensorView& label, const TensorView& class_weights, const TensorView& counted_label,
         std::int64_t classes_, std::int64_t ignore_label)
      : data(label.as<const std::int32_t>()),
        counted(counted_label.data == nullptr ? data : counted_label.as<const std::int32_t>()),
        weights(class_weights.as<const float>()),
        images(label.desc.shape[0]),
        h(label.desc.shape[1]),
        w(label.desc.shape[2]),
        classes(classes_),
        ignore(static_cast<std::int32_t>(ignore_label)) {}

  std::int64_t rows() const { return images * h; }  // of all images
  const std::int32_t* row(std::int64_t i) const { return data + i * w; }
  const std::int32_t* counted_row(std::int64_t i) const { return counted + i * w; }
};

inline float weight_of(const float* weights, std::int32_t label) {
  return weights == nullptr ? 1.0f : weights[label];
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

// Adds up in the order of rows. confusion may be null.
void total_up(const Labels& labels, const Scores& scores, double* totals, std::int64_t* confusion);

}  // namespace graphrun::ops::cross_entropy
