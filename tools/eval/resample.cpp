#include "tools/eval/resample.h"

#include <cmath>

#include "runtime/cpu/parallel.h"

namespace graphrun {

void LinearTaps::divide_by(std::span<const std::int32_t> counts) {
  for (std::size_t i = 0; i < first.size(); ++i) {
    first_weight[i] /= static_cast<float>(counts[static_cast<std::size_t>(first[i])]);
    second_weight[i] /= static_cast<float>(counts[static_cast<std::size_t>(second[i])]);
  }
}

LinearTaps linear_taps(std::int64_t from, std::int64_t to) {
  const double step = 1.0 / (static_cast<double>(to) / static_cast<double>(from));
  const auto last = static_cast<std::int32_t>(from - 1);
  LinearTaps taps;
  for (std::int64_t i = 0; i < to; ++i) {
    const auto position = static_cast<float>((static_cast<double>(i) + 0.5) * step - 0.5);
    const float below = std::floor(position);
    float fraction = position - below;
    auto first = static_cast<std::int32_t>(below);
    if (first < 0 || first >= last) {
      first = first < 0 ? 0 : last;
      fraction = 0;
    }
    taps.first.push_back(first);
    taps.second.push_back(first < last ? first + 1 : last);
    taps.first_weight.push_back(1.0f - fraction);
    taps.second_weight.push_back(fraction);
  }
  return taps;
}

void resize_normalised(const Image& image, const Preprocess& preprocess, const Extent& size, int threads,
                       float* out) {
  const LinearTaps rows = linear_taps(image.height, size.height);
  const LinearTaps columns = linear_taps(image.width, size.width);
  float mean[3];
  float deviation[3];
  for (std::size_t c = 0; c < 3; ++c) {
    mean[c] = static_cast<float>(preprocess.mean[c] * preprocess.value_scale);
    deviation[c] = static_cast<float>(preprocess.std[c] * preprocess.value_scale);
  }
  const auto resize_row = [&](std::size_t y) {
    const std::uint8_t* upper = image.rgb.data() + 3 * image.width * rows.first[y];
    const std::uint8_t* lower = image.rgb.data() + 3 * image.width * rows.second[y];
    float* pixel = out + static_cast<std::int64_t>(y) * 3 * size.width;
    for (std::size_t x = 0; x < columns.first.size(); ++x, pixel += 3) {
      const std::int64_t left = 3 * static_cast<std::int64_t>(columns.first[x]);
      const std::int64_t right = 3 * static_cast<std::int64_t>(columns.second[x]);
      const float a = columns.first_weight[x];
      const float b = columns.second_weight[x];
      for (std::int64_t c = 0; c < 3; ++c) {
        const float above =
            static_cast<float>(upper[left + c]) * a + static_cast<float>(upper[right + c]) * b;
        const float below =
            static_cast<float>(lower[left + c]) * a + static_cast<float>(lower[right + c]) * b;
        const float value = above * rows.first_weight[y] + below * rows.second_weight[y];
        pixel[c] = (value - mean[c]) / deviation[c];
      }
    }
  };
  constexpr std::int64_t kRows = 8;
  cpu::parallel_for(threads, size.height, kRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) resize_row(static_cast<std::size_t>(y));
  });
}

}  // namespace graphrun
