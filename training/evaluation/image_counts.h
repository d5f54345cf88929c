#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace graphrun::training {

// What is counted of each image of an evaluation: the sums over images of a class's numbers are those of the
// confusion matrix. A dense table, so that ranks which have counted different images add theirs up.
class ImageCounts {
 public:
  ImageCounts(std::int64_t images, int classes, bool has_boundaries)
      : images_(images),
        classes_(classes),
        columns_(kOfImage + classes * (has_boundaries ? 4 : 2)),
        cells_(static_cast<std::size_t>(images * columns_)) {}

  std::int64_t images() const { return images_; }
  int classes() const { return classes_; }
  bool has_boundaries() const { return columns_ > kOfImage + 2 * classes_; }

  // Counts of one image. Spans have a number a class.
  template <class T>
  struct Row {
    T& pixels;      // labelled with a class
    T& correct;     // of these
    T& confidence;  // their sum (Calibration's units); 0 where none was computed
    std::span<T> intersections;
    std::span<T> unions;
    std::span<T> boundary_intersections;  // these two are empty without boundaries
    std::span<T> boundary_unions;
  };
  Row<std::int64_t> row(std::int64_t image) { return row_of<std::int64_t>(cells_.data(), image); }
  Row<const std::int64_t> row(std::int64_t image) const {
    return row_of<const std::int64_t>(cells_.data(), image);
  }

  // The rows of `part`, which counted every `step`-th image from `first` on, come into these.
  void place(const ImageCounts& part, std::int64_t first, std::int64_t step);
  std::span<std::int64_t> cells() { return cells_; }

 private:
  static constexpr std::int64_t kOfImage = 3;
  template <class T>
  Row<T> row_of(T* cells, std::int64_t image) const {
    T* const own = cells + image * columns_;
    const auto classes = static_cast<std::size_t>(classes_);
    const auto of_classes = [&](std::size_t group, bool there) {
      return there ? std::span<T>(own + kOfImage + group * classes, classes) : std::span<T>();
    };
    return {own[0],
            own[1],
            own[2],
            of_classes(0, true),
            of_classes(1, true),
            of_classes(2, has_boundaries()),
            of_classes(3, has_boundaries())};
  }

  std::int64_t images_;
  int classes_;
  std::int64_t columns_;
  std::vector<std::int64_t> cells_;
};

// Intersection over union, 0 where the class is absent from both.
inline double iou_of(std::int64_t intersection, std::int64_t union_) {
  return union_ == 0 ? 0 : static_cast<double>(intersection) / static_cast<double>(union_);
}
// The mean over the classes whose union is not empty; 0 where there is none.
double mean_iou_present(std::span<const std::int64_t> intersections, std::span<const std::int64_t> unions);

}  // namespace graphrun::training
