#include "datasets/shapes7.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/core/random.h"

// Only operations that IEEE 754 defines exactly, so that every machine draws the same pixels.
namespace graphrun::datasets {
namespace {

using Spectrum = std::array<double, kShapes7Channels>;

// Soil, crop, weed, stone.
constexpr std::array<Spectrum, kShapes7Classes> kSpectra = {
    {{7000, 7500, 8500, 9000, 9500, 9800, 10000},
     {3500, 6500, 4000, 9500, 15000, 7000, 6500},
     {3500, 6500, 4000, 9500, 15000, 13000, 6500},
     {12000, 12000, 12200, 12300, 12400, 12500, 12500}}};

struct Disc {
  std::size_t kind = 0;
  double x = 0, y = 0, radius = 0;
  double brightness = 1;
};

Disc random_disc(core::Random& random, double height, double width) {
  Disc disc;
  disc.kind = 1 + random.next_below(kShapes7Classes - 1);
  disc.x = random.next_between(0.1, 0.9) * width;
  disc.y = random.next_between(0.1, 0.9) * height;
  disc.radius = random.next_between(0.1, 0.24) * std::min(height, width);
  disc.brightness = random.next_between(0.85, 1.15);
  return disc;
}

float to_number(double value) {
  constexpr double kHighest = 65535;
  return static_cast<float>(std::floor(std::clamp(value, 0.0, kHighest)));
}

}  // namespace

Sample make_shapes7(std::uint64_t seed, std::int64_t index, std::int64_t height, std::int64_t width,
                    std::int64_t channels) {
  core::Random random(seed, core::RandomPurpose::shapes, static_cast<std::uint32_t>(index),
                      static_cast<std::uint32_t>(index >> 32));
  std::array<Disc, 7> discs;
  const std::uint32_t count = 4 + random.next_below(4);
  for (std::uint32_t i = 0; i < count; ++i)
    discs[i] = random_disc(random, static_cast<double>(height), static_cast<double>(width));
  const double lit = random.next_between(0.85, 1.15);

  const auto pixels = static_cast<std::size_t>(height * width);
  Sample sample{
      {height, width, {}, channels, std::vector<float>(pixels * static_cast<std::size_t>(channels))},
      {height, width, std::vector<ClassId>(pixels)}};
  auto to = sample.image.values.begin();
  for (std::size_t i = 0; i < pixels; ++i) {
    const std::int64_t row = static_cast<std::int64_t>(i) / width;
    const double x = static_cast<double>(static_cast<std::int64_t>(i) - row * width) + 0.5;
    const double y = static_cast<double>(row) + 0.5;
    std::size_t kind = 0;
    double brightness = lit;
    for (std::uint32_t d = 0; d < count; ++d) {  // later discs lie above earlier ones
      const Disc& disc = discs[d];
      if ((x - disc.x) * (x - disc.x) + (y - disc.y) * (y - disc.y) > disc.radius * disc.radius) continue;
      kind = disc.kind;
      brightness = lit * disc.brightness;
    }
    // Every channel is drawn, so that fewer of them have the same numbers.
    for (std::int64_t c = 0; c < kShapes7Channels; ++c) {
      const double value =
          kSpectra[kind][static_cast<std::size_t>(c)] * brightness + random.next_between(-900, 900);
      if (c < channels) *to++ = to_number(value);
    }
    sample.label.ids[i] = static_cast<ClassId>(kind);
  }
  return sample;
}

}  // namespace graphrun::datasets
