#include "tools/eval/probabilities.h"

#include <algorithm>

#include "ops/common/softmax_row.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

namespace graphrun {
namespace {

constexpr std::int64_t kBlock = 4096;  // floats of a block of pixels: half of a first-level cache
constexpr std::int64_t kMostClasses = 256;

// The softmax of some pixels, `stride` floats apart (negative: from right to left), written or added to
// `out`. Exponentials are one loop over all pixels, which fills vectors for any number of classes.
GRAPHRUN_SIMD void add_softmax(const float* logits, std::int64_t stride, std::int64_t pixels,
                               std::int64_t classes, bool add, float* e, float* out) {
  for (std::int64_t p = 0; p < pixels; ++p) {
    const float* v = logits + p * stride;
    const float max = ops::row_max(v, classes);
    for (std::int64_t c = 0; c < classes; ++c) e[p * classes + c] = v[c] - max;
  }
  for (std::int64_t i = 0; i < pixels * classes; ++i) e[i] = ops::exp_float(e[i]);
  for (std::int64_t p = 0; p < pixels; ++p) {
    const float* from = e + p * classes;
    float* to = out + p * classes;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t c = 0; c < classes; ++c) sum += from[c];
    const float scale = 1.0f / sum;
    if (add) {
      for (std::int64_t c = 0; c < classes; ++c) to[c] += from[c] * scale;
    } else {
      for (std::int64_t c = 0; c < classes; ++c) to[c] = from[c] * scale;
    }
  }
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

  Corners(const SourceRows& rows, const LinearTaps& columns, std::int64_t x, std::int64_t classes) {
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

GRAPHRUN_SIMD void total_row(const SourceRows& rows, const LinearTaps& columns, std::int64_t width,
                             std::int64_t classes, bool first, float* total) {
  for (std::int64_t x = 0; x < width; ++x, total += classes) {
    const Corners value(rows, columns, x, classes);
    if (first) {
      for (std::int64_t c = 0; c < classes; ++c) total[c] = value(c);
    } else {
      for (std::int64_t c = 0; c < classes; ++c) total[c] += value(c);
    }
  }
}

GRAPHRUN_SIMD void class_row(const SourceRows& rows, const LinearTaps& columns, std::int64_t width,
                             std::int64_t classes, const float* total, std::uint8_t* ids) {
  float sum[kMostClasses];
  for (std::int64_t x = 0; x < width; ++x) {
    const Corners value(rows, columns, x, classes);
    if (total == nullptr) {
      for (std::int64_t c = 0; c < classes; ++c) sum[c] = value(c);
    } else {
      for (std::int64_t c = 0; c < classes; ++c) sum[c] = total[x * classes + c] + value(c);
    }
    ids[x] = static_cast<std::uint8_t>(ops::row_find(sum, ops::row_max(sum, classes), classes));
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

void add_crop(const TensorView& logits, const CropPlace& place, int threads, float* sums) {
  const SlideAxis& rows = place.rows;
  const SlideAxis& columns = place.columns;
  const std::int64_t top = rows.starts[place.row];
  const std::int64_t left = columns.starts[place.column];
  const std::int64_t first_row = std::max<std::int64_t>(0, top);
  const std::int64_t last_row = std::min(rows.extent, top + rows.crop);
  const std::int64_t first_column = std::max<std::int64_t>(0, left);
  const std::int64_t last_column = std::min(columns.extent, left + columns.crop);
  const std::int64_t classes = logits.desc.c();
  const std::int64_t stride = logits.desc.pixel_stride;
  const std::int64_t block = std::max<std::int64_t>(1, kBlock / classes);

  const auto add_span = [&](std::int64_t y, std::int64_t begin, std::int64_t end, bool add) {
    alignas(64) float e[kBlock];
    const float* row = logits.as<float>() + (y - top) * columns.crop * stride;
    const float* mirrored = row + (rows.crop * columns.crop + columns.crop - 1) * stride;
    for (std::int64_t x = begin; x < end; x += block) {
      const std::int64_t pixels = std::min(block, end - x);
      float* out = sums + (y * columns.extent + x) * classes;
      add_softmax(row + (x - left) * stride, stride, pixels, classes, add, e, out);
      if (logits.desc.n() == 2)
        add_softmax(mirrored - (x - left) * stride, -stride, pixels, classes, true, e, out);
    }
  };
  constexpr std::int64_t kRows = 4;
  cpu::parallel_for(threads, last_row - first_row, kRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = first_row + begin; y < first_row + end; ++y) {
      const bool new_row = y >= rows.end_before(place.row);
      const std::int64_t seen =
          new_row ? std::max(first_column, columns.end_before(place.column)) : last_column;
      add_span(y, first_column, seen, true);
      add_span(y, seen, last_column, false);
    }
  });
}

void resize_to_total(const ResizeBack& resize, bool first, float* total) {
  const auto width = static_cast<std::int64_t>(resize.columns.first.size());
  for_rows(resize, [&](std::int64_t y, const SourceRows& rows) {
    total_row(rows, resize.columns, width, resize.classes, first, total + y * width * resize.classes);
  });
}

void resize_to_classes(const ResizeBack& resize, const float* total, std::uint8_t* ids) {
  const auto width = static_cast<std::int64_t>(resize.columns.first.size());
  for_rows(resize, [&](std::int64_t y, const SourceRows& rows) {
    const float* before = total == nullptr ? nullptr : total + y * width * resize.classes;
    class_row(rows, resize.columns, width, resize.classes, before, ids + y * width);
  });
}

}  // namespace graphrun
