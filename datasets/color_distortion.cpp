#include "datasets/color_distortion.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace graphrun::datasets {
namespace {

using Rgb = std::array<float, 3>;

// Around `middle` when it is not used.
double draw_between(double low, double high, double middle, core::Random& random) {
  const bool used = random.next_bool();
  const double value = random.next_between(low, high);
  return used ? value : middle;
}

float cut(float value) { return std::clamp(value, 0.0F, 255.0F); }

struct Hsv {
  float hue;         // in sixths of the circle, 0 to 6
  float saturation;  // 0 to 1
  float value;       // 0 to 255
};

Hsv to_hsv(const Rgb& rgb) {
  const auto [r, g, b] = rgb;
  const float most = std::max({r, g, b});
  const float range = most - std::min({r, g, b});
  if (range <= 0) return {0, 0, most};
  float hue = 0;
  if (most == r) {
    hue = (g - b) / range;
  } else if (most == g) {
    hue = 2 + (b - r) / range;
  } else {
    hue = 4 + (r - g) / range;
  }
  return {hue < 0 ? hue + 6 : hue, range / most, most};
}

Rgb to_rgb(const Hsv& hsv) {
  // A channel is full around its own hue, falls over a sixth on each side, and is least beyond.
  const auto channel = [&](float own) {
    float apart = std::abs(hsv.hue - own);
    apart = std::min(apart, 6 - apart);
    const float lack = std::clamp(apart - 1, 0.0F, 1.0F);
    return hsv.value * (1 - hsv.saturation * lack);
  };
  return {channel(0), channel(2), channel(4)};
}

Rgb change_hsv(const ColorDistortion& distortion, const Rgb& rgb) {
  Hsv hsv = to_hsv(rgb);
  hsv.saturation = std::clamp(hsv.saturation * static_cast<float>(distortion.saturation), 0.0F, 1.0F);
  hsv.hue = std::fmod(hsv.hue + static_cast<float>(distortion.hue / 60) + 12, 6.0F);
  return to_rgb(hsv);
}

Rgb scaled(Rgb rgb, double factor, double offset) {
  for (float& value : rgb) value = cut(value * static_cast<float>(factor) + static_cast<float>(offset));
  return rgb;
}

}  // namespace

ColorDistortion draw(const ColorRanges& ranges, core::Random& random) {
  ColorDistortion distortion;
  distortion.brightness = draw_between(-ranges.brightness, ranges.brightness, 0, random);
  distortion.contrast_last = random.next_bool();
  distortion.contrast = draw_between(1 - ranges.contrast, 1 + ranges.contrast, 1, random);
  distortion.saturation = draw_between(1 - ranges.saturation, 1 + ranges.saturation, 1, random);
  distortion.hue = draw_between(-ranges.hue, ranges.hue, 0, random);
  return distortion;
}

void distort(const ColorDistortion& distortion, Patch& patch) {
  if (!distortion.changes()) return;
  const bool hsv = distortion.saturation != 1 || distortion.hue != 0;
  for (std::int64_t i = 0; i < patch.rect.height * patch.rect.width; ++i) {
    Pixel& pixel = patch.pixels[static_cast<std::size_t>(i)];
    Rgb rgb{pixel.lanes[0], pixel.lanes[1], pixel.lanes[2]};
    rgb = scaled(rgb, 1, distortion.brightness);
    if (!distortion.contrast_last) rgb = scaled(rgb, distortion.contrast, 0);
    if (hsv) rgb = change_hsv(distortion, rgb);
    if (distortion.contrast_last) rgb = scaled(rgb, distortion.contrast, 0);
    pixel.lanes = Pixel::Lanes{rgb[0], rgb[1], rgb[2], pixel.lanes[3]};
  }
}

}  // namespace graphrun::datasets
