#include "training/pictures.h"

#include <algorithm>
#include <cmath>

namespace graphrun::training {

imaging::Image side_by_side(const datasets::AugmentSettings& augment, bool is_picture, const float* image,
                            std::span<const std::int32_t> label, std::span<const std::int32_t> prediction,
                            std::span<const imaging::Color> palette) {
  const std::int64_t height = augment.train_h;
  const std::int64_t width = augment.train_w;
  imaging::Image picture{height, 3 * width,
                         std::vector<std::uint8_t>(static_cast<std::size_t>(height * width * 9))};
  const auto put = [&](std::int64_t panel, std::int64_t pixel, imaging::Color color) {
    const std::int64_t at = (pixel / width * 3 + panel) * width + pixel % width;
    std::uint8_t* to = picture.rgb.data() + 3 * at;
    to[0] = color.r, to[1] = color.g, to[2] = color.b;
  };
  const auto color_of = [&](std::int32_t id) {
    return id >= 0 && static_cast<std::size_t>(id) < palette.size() ? palette[static_cast<std::size_t>(id)]
                                                                    : imaging::Color{};
  };
  const std::int64_t channels = augment.channels();
  const auto byte_of = [&](std::int64_t pixel, std::size_t channel) {
    if (channels < 3) channel = 0;
    const double normalised =
        static_cast<double>(image[channels * pixel + static_cast<std::int64_t>(channel)]);
    // Numbers that are no colours: twice the deviation around the mean.
    const double value =
        is_picture ? normalised * augment.std[channel] + augment.mean[channel] : (normalised + 2) / 4 * 255;
    return static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
  };
  for (std::int64_t pixel = 0; pixel < height * width; ++pixel) {
    put(0, pixel, {byte_of(pixel, 0), byte_of(pixel, 1), byte_of(pixel, 2)});
    put(1, pixel, color_of(label[static_cast<std::size_t>(pixel)]));
    put(2, pixel, color_of(prediction[static_cast<std::size_t>(pixel)]));
  }
  return picture;
}

}  // namespace graphrun::training
