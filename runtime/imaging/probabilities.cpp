#include "runtime/imaging/probabilities.h"

#include <algorithm>
#include <vector>

#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"
#include "runtime/numeric/softmax_row.h"

namespace graphrun::imaging {
namespace {

constexpr std::int64_t kBlock = 4096;  // floats of a block of pixels: half of a first-level cache
static_assert(kMaxClasses <= kBlock, "a block holds at least one pixel");

// Some logits of a row, each a weighted sum of `row`'s pixels, less the largest of their pixel.
GRAPHRUN_SIMD void interpolate(const float* row, const WeightedResizeTable& columns, std::int64_t begin,
                               std::int64_t pixels, std::int64_t classes, float* e) {
  for (std::int64_t p = 0; p < pixels; ++p, e += classes) {
    const auto from = static_cast<std::size_t>(columns.begin[static_cast<std::size_t>(begin + p)]);
    const auto end = static_cast<std::size_t>(columns.begin[static_cast<std::size_t>(begin + p + 1)]);
    const float* const a = row + columns.index[from] * classes;
    const float wa = columns.weight[from];
    if (end - from == 1) {
      for (std::int64_t c = 0; c < classes; ++c) e[c] = wa * a[c];
    } else {
      const float* const b = row + columns.index[from + 1] * classes;
      const float wb = columns.weight[from + 1];
      for (std::int64_t c = 0; c < classes; ++c) e[c] = wa * a[c] + wb * b[c];
    }
    for (std::size_t i = from + 2; i < end; ++i) {
      const float* const more = row + columns.index[i] * classes;
      const float weight = columns.weight[i];
      for (std::int64_t c = 0; c < classes; ++c) e[c] += weight * more[c];
    }
    const float max = numeric::row_max(e, classes);
    for (std::int64_t c = 0; c < classes; ++c) e[c] -= max;
  }
}

// Exponentials are one loop over all pixels, which fills vectors for any number of classes.
GRAPHRUN_SIMD void exponentials(std::int64_t count, float* e) {
  for (std::int64_t i = 0; i < count; ++i) e[i] = numeric::exp_float(e[i]);
}

// Writes or adds exponentials divided by their sum over each pixel.
GRAPHRUN_SIMD void normalise(const float* e, std::int64_t pixels, std::int64_t classes, bool add,
                             float* out) {
  for (std::int64_t p = 0; p < pixels; ++p, e += classes, out += classes) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t c = 0; c < classes; ++c) sum += e[c];
    const float scale = 1.0f / sum;
    if (add) {
      for (std::int64_t c = 0; c < classes; ++c) out[c] += e[c] * scale;
    } else {
      for (std::int64_t c = 0; c < classes; ++c) out[c] = e[c] * scale;
    }
  }
}

// sum = weight * pixels (first) or sum + weight * pixels, which are `stride` apart.
GRAPHRUN_SIMD void blend(const float* row, std::int64_t stride, std::int64_t pixels, std::int64_t classes,
                         float weight, bool first, float* sum) {
  for (std::int64_t p = 0; p < pixels; ++p, row += stride, sum += classes) {
    if (first) {
      for (std::int64_t c = 0; c < classes; ++c) sum[c] = weight * row[c];
    } else {
      for (std::int64_t c = 0; c < classes; ++c) sum[c] += weight * row[c];
    }
  }
}

// Some rows of a view, by one thread.
class ViewRows {
 public:
  explicit ViewRows(const ViewLogits& view)
      : view_(view),
        classes_(view.logits.desc.c()),
        row_(static_cast<std::size_t>(view.logits.desc.w() * classes_)),
        mirrored_row_(view.mirrored == nullptr ? 0 : row_.size()) {}

  void move_to(std::int64_t y) {
    mix(view_.sample, y, row_.data());
    if (view_.mirrored != nullptr) mix(view_.sample + 1, y, mirrored_row_.data());
  }

  // The softmax of the pixels [begin, end) of the row, and of their mirror image, written or added.
  void add_softmax(std::int64_t begin, std::int64_t end, bool add, float* out) {
    const std::int64_t block = std::max<std::int64_t>(1, kBlock / classes_);
    for (std::int64_t x = begin; x < end; x += block, out += block * classes_) {
      const std::int64_t pixels = std::min(block, end - x);
      add_block(row_.data(), view_.columns, x, pixels, add, out);
      if (view_.mirrored != nullptr) add_block(mirrored_row_.data(), *view_.mirrored, x, pixels, true, out);
    }
  }

  // Classes of the whole row; `total` may be null.
  void find(const float* total, const FoundClasses& found) {
    const std::int64_t block = std::max<std::int64_t>(1, kBlock / classes_);
    alignas(64) float sums[kBlock];
    for (std::int64_t x = 0; x < view_.columns.size(); x += block) {
      const std::int64_t pixels = std::min(block, view_.columns.size() - x);
      const bool logits = total == nullptr && view_.mirrored == nullptr;
      if (logits) {
        interpolate(row_.data(), view_.columns, x, pixels, classes_, sums);
      } else {
        if (total != nullptr) std::copy_n(total + x * classes_, pixels * classes_, sums);
        add_block(row_.data(), view_.columns, x, pixels, total != nullptr, sums);
        if (view_.mirrored != nullptr)
          add_block(mirrored_row_.data(), *view_.mirrored, x, pixels, true, sums);
      }
      find_classes(sums, logits ? Evidence::logits : Evidence::probability_sums, pixels, classes_,
                   found.from(x));
    }
  }

 private:
  void mix(std::int64_t sample, std::int64_t y, float* row) const {
    const TensorDesc& desc = view_.logits.desc;
    const auto from = static_cast<std::size_t>(view_.rows.begin[static_cast<std::size_t>(y)]);
    const auto end = static_cast<std::size_t>(view_.rows.begin[static_cast<std::size_t>(y + 1)]);
    for (std::size_t i = from; i < end; ++i) {
      const std::int64_t pixel = (sample * desc.h() + view_.rows.index[i]) * desc.w();
      blend(view_.logits.as<const float>() + pixel * desc.pixel_stride, desc.pixel_stride, desc.w(), classes_,
            view_.rows.weight[i], i == from, row);
    }
  }

  void add_block(const float* row, const WeightedResizeTable& columns, std::int64_t x, std::int64_t pixels,
                 bool add, float* out) {
    interpolate(row, columns, x, pixels, classes_, e_);
    exponentials(pixels * classes_, e_);
    normalise(e_, pixels, classes_, add, out);
  }

  const ViewLogits& view_;
  std::int64_t classes_;
  std::vector<float> row_;
  std::vector<float> mirrored_row_;
  alignas(64) float e_[kBlock]{};
};

// work(part, y) for the rows [0, count), by as many parts as there are threads: their buffers are allocated
// before, since a thread could not report that there is no memory.
template <class Work>
void for_view_rows(const ViewLogits& view, std::int64_t count, const Work& work) {
  constexpr std::int64_t kRows = 8;  // of a part at least, for its buffers not to count
  const std::int64_t shares = std::clamp<std::int64_t>(count / kRows, 1, std::max(view.threads, 1));
  std::vector<ViewRows> parts(static_cast<std::size_t>(shares), ViewRows(view));
  cpu::parallel_for(view.threads, shares, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t y = count * i / shares; y < count * (i + 1) / shares; ++y)
        work(parts[static_cast<std::size_t>(i)], y);
    }
  });
}

// One row of ResizeBack as its two source rows and their weights.
struct SourceRows {
  const float* upper;
  const float* lower;
  float upper_weight;
  float lower_weight;
};

struct Corners {
  const float* at[4];
  float weight[4];

  Corners(const SourceRows& rows, const ResizeTable& columns, std::int64_t x, std::int64_t classes) {
    const auto i = static_cast<std::size_t>(x);
    const std::int64_t left = columns.first[i] * classes;
    const std::int64_t right = columns.second[i] * classes;
    const float a = columns.first_weight[i];
    const float b = columns.second_weight[i];
    const float* const pointers[4] = {rows.upper + left, rows.upper + right, rows.lower + left,
                                      rows.lower + right};
    const float weights[4] = {rows.upper_weight * a, rows.upper_weight * b, rows.lower_weight * a,
                              rows.lower_weight * b};
    std::copy_n(pointers, 4, at);
    std::copy_n(weights, 4, weight);
  }
  float operator()(std::int64_t c) const {
    return (at[0][c] * weight[0] + at[1][c] * weight[1]) + (at[2][c] * weight[2] + at[3][c] * weight[3]);
  }
};

// Sums of `before` (null: none) and the plane, for some pixels of a row. `out` may be `before`.
GRAPHRUN_SIMD void sum_row(const SourceRows& rows, const ResizeTable& columns, std::int64_t begin,
                           std::int64_t pixels, std::int64_t classes, const float* before, float* out) {
  for (std::int64_t x = begin; x < begin + pixels; ++x, out += classes) {
    const Corners value(rows, columns, x, classes);
    if (before == nullptr) {
      for (std::int64_t c = 0; c < classes; ++c) out[c] = value(c);
    } else {
      for (std::int64_t c = 0; c < classes; ++c) out[c] = before[c] + value(c);
      before += classes;
    }
  }
}

template <class Row>
void for_rows(const ResizeBack& resize, const Row& row) {
  constexpr std::int64_t kRows = 4;
  const std::int64_t pitch = resize.width * resize.classes;
  const auto height = static_cast<std::int64_t>(resize.rows.first.size());
  cpu::parallel_for(resize.threads, height, kRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) {
      const auto i = static_cast<std::size_t>(y);
      row(y, SourceRows{resize.plane + resize.rows.first[i] * pitch,
                        resize.plane + resize.rows.second[i] * pitch, resize.rows.first_weight[i],
                        resize.rows.second_weight[i]});
    }
  });
}

}  // namespace

void add_crop(const ViewLogits& view, const CropPlace& place, float* sums) {
  const SlideAxis& rows = place.rows;
  const SlideAxis& columns = place.columns;
  const std::int64_t top = rows.starts[place.row];
  const std::int64_t left = columns.starts[place.column];
  const std::int64_t first_row = std::max<std::int64_t>(0, top);
  const std::int64_t last_row = std::min(rows.extent, top + rows.crop);
  const std::int64_t first_column = std::max<std::int64_t>(0, left);
  const std::int64_t last_column = std::min(columns.extent, left + columns.crop);
  const std::int64_t classes = view.logits.desc.c();
  for_view_rows(view, last_row - first_row, [&](ViewRows& part, std::int64_t i) {
    const std::int64_t y = first_row + i;
    const bool new_row = y >= rows.end_before(place.row);
    const std::int64_t seen =
        new_row ? std::max(first_column, columns.end_before(place.column)) : last_column;
    float* const row = sums + y * columns.extent * classes;
    part.move_to(y - top);
    part.add_softmax(first_column - left, seen - left, true, row + first_column * classes);
    part.add_softmax(seen - left, last_column - left, false, row + seen * classes);
  });
}

void view_to_total(const ViewLogits& view, bool first, float* total) {
  const std::int64_t width = view.columns.size();
  for_view_rows(view, view.rows.size(), [&](ViewRows& part, std::int64_t y) {
    part.move_to(y);
    part.add_softmax(0, width, !first, total + y * width * view.logits.desc.c());
  });
}

void view_to_classes(const ViewLogits& view, const float* total, const FoundClasses& found) {
  const std::int64_t width = view.columns.size();
  for_view_rows(view, view.rows.size(), [&](ViewRows& part, std::int64_t y) {
    part.move_to(y);
    part.find(total == nullptr ? nullptr : total + y * width * view.logits.desc.c(), found.from(y * width));
  });
}

void resize_to_total(const ResizeBack& resize, bool first, float* total) {
  const auto width = static_cast<std::int64_t>(resize.columns.first.size());
  for_rows(resize, [&](std::int64_t y, const SourceRows& rows) {
    float* const row = total + y * width * resize.classes;
    sum_row(rows, resize.columns, 0, width, resize.classes, first ? nullptr : row, row);
  });
}

void resize_to_classes(const ResizeBack& resize, const float* total, const FoundClasses& found) {
  const auto width = static_cast<std::int64_t>(resize.columns.first.size());
  const std::int64_t block = std::max<std::int64_t>(1, kBlock / resize.classes);
  for_rows(resize, [&](std::int64_t y, const SourceRows& rows) {
    alignas(64) float sums[kBlock];
    for (std::int64_t x = 0; x < width; x += block) {
      const std::int64_t pixels = std::min(block, width - x);
      const std::int64_t pixel = y * width + x;
      const float* const before = total == nullptr ? nullptr : total + pixel * resize.classes;
      sum_row(rows, resize.columns, x, pixels, resize.classes, before, sums);
      find_classes(sums, Evidence::probability_sums, pixels, resize.classes, found.from(pixel));
    }
  });
}

}  // namespace graphrun::imaging
