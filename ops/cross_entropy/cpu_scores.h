#pragma once

#include <cstdint>

#include "runtime/core/status.h"
#include "runtime/core/tensor.h"

// What the kernels of cross entropy at full size and from small logits have in common on the CPU.
namespace graphrun::ops::cross_entropy {

// Labels of a batch, i32 (N, H, W).
struct Labels {
  const std::int32_t* data;
  std::int64_t images, h, w;
  std::int64_t classes;
  std::int32_t ignore;

  Labels(const TensorView& label, std::int64_t classes_, std::int64_t ignore_label)
      : data(label.as<const std::int32_t>()),
        images(label.desc.shape[0]),
        h(label.desc.shape[1]),
        w(label.desc.shape[2]),
        classes(classes_),
        ignore(static_cast<std::int32_t>(ignore_label)) {}

  std::int64_t rows() const { return images * h; }  // of all images
  const std::int32_t* row(std::int64_t i) const { return data + i * w; }
};

// Labels are the user's data: the first one that is no class comes back as an error with its place.
Status check_labels(const Labels& labels);

// Parts of the totals, in scratch: each row of labels has one sum of losses, each valid pixel its prediction,
// so that rows can be computed in any order at once.
struct Scores {
  double* losses;             // of each row
  std::int32_t* predictions;  // of each pixel; undefined where ignored
};

// Adds up in the order of rows. confusion may be null.
void total_up(const Labels& labels, const Scores& scores, double* totals, std::int64_t* confusion);

}  // namespace graphrun::ops::cross_entropy
