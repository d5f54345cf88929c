#include "training/evaluation/image_counts.h"

#include <algorithm>

namespace graphrun::training {

void ImageCounts::place(const ImageCounts& part, std::int64_t first, std::int64_t step) {
  for (std::int64_t i = 0; i < part.images_; ++i) {
    std::copy_n(part.cells_.begin() + i * columns_, columns_, cells_.begin() + (first + i * step) * columns_);
  }
}

double mean_iou_present(std::span<const std::int64_t> intersections, std::span<const std::int64_t> unions) {
  double sum = 0;
  std::int64_t present = 0;
  for (std::size_t c = 0; c < unions.size(); ++c) {
    sum += iou_of(intersections[c], unions[c]);
    present += unions[c] > 0 ? 1 : 0;
  }
  return present == 0 ? 0 : sum / static_cast<double>(present);
}

}  // namespace graphrun::training
