#include "runtime/imaging/resample.h"

#include "runtime/cpu/parallel.h"
#include "runtime/imaging/taps.h"

namespace graphrun::imaging {

void resize_normalised(const Image& image, const model::Preprocess& preprocess, const Extent& size,
                       int threads, float* out) {
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

void copy_window(const Window& window, bool mirrored, int threads, const TensorView& input,
                 std::int64_t sample) {
  constexpr std::int64_t kRows = 16;
  const std::int64_t height = input.desc.h();
  const std::int64_t width = input.desc.w();
  const auto copy_row = [&](std::int64_t y) {
    const std::int64_t from = window.top + y;
    const bool inside_row = from >= 0 && from < window.size.height;
    const float* const row = window.view + (inside_row ? 3 * from * window.size.width : 0);
    float* out = input.as<float>() + (sample * height + y) * width * input.desc.pixel_stride;
    for (std::int64_t i = 0; i < width; ++i, out += input.desc.pixel_stride) {
      const std::int64_t x = mirrored ? window.right - 1 - i : window.left + i;
      const bool inside = inside_row && x >= 0 && x < window.size.width;
      for (std::int64_t c = 0; c < 3; ++c) out[c] = inside ? row[3 * x + c] : 0.0f;
    }
  };
  cpu::parallel_for(threads, height, kRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) copy_row(y);
  });
}

}  // namespace graphrun::imaging
