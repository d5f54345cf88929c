#include "datasets/shapes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "datasets/shapes7.h"
#include "runtime/core/random.h"

// Only operations that IEEE 754 defines exactly (no sine, no exponential), so that every machine draws the
// same pixels.
namespace graphrun::datasets {

namespace {

constexpr std::string_view kShapes = "shapes";
constexpr std::string_view kShapes7 = "shapes7";

struct Rgb {
  double r, g, b;
};

// Typical colours of the classes; stripes alternate between theirs and a darker one.
constexpr std::array<Rgb, kShapesClasses> kColors = {{{120, 120, 120},
                                                      {205, 60, 50},
                                                      {60, 90, 205},
                                                      {60, 165, 75},
                                                      {220, 185, 50},
                                                      {165, 70, 175},
                                                      {60, 190, 200}}};

struct Direction {
  double x, y;
};

Direction random_direction(core::Random& random) {
  while (true) {
    const double x = random.next_between(-1, 1);
    const double y = random.next_between(-1, 1);
    const double square = x * x + y * y;
    if (square > 0.01 && square <= 1) return {x / std::sqrt(square), y / std::sqrt(square)};
  }
}

struct Figure {
  int kind = 0;
  double x = 0, y = 0, radius = 0;
  Direction turn{1, 0};
  Rgb color{};
};

// (u, v): the figure's own axes, where it fits the circle of radius 1.5.
bool covers(int kind, double u, double v) {
  const double square = u * u + v * v;
  switch (kind) {
    case 1:
      return square <= 1;
    case 2:
      return std::abs(u) <= 0.88 && std::abs(v) <= 0.88;
    case 3:
      return v >= -0.7 && std::abs(u) <= (1.15 - v) * 0.6;
    case 4:
      return square <= 1.1 && square >= 0.25;
    case 5:
      return std::min(std::abs(u), std::abs(v)) <= 0.38 && std::max(std::abs(u), std::abs(v)) <= 1.1;
    default:
      return std::abs(u) <= 1.1 && std::abs(v) <= 0.75;
  }
}

Rgb jitter(Rgb color, double by, core::Random& random) {
  const double r = random.next_between(-by, by);
  const double g = random.next_between(-by, by);
  return {color.r + r, color.g + g, color.b + random.next_between(-by, by)};
}

Rgb shade(Rgb color, double by) { return {color.r * by, color.g * by, color.b * by}; }

Figure random_figure(core::Random& random, double height, double width) {
  const double side = std::min(height, width);
  Figure figure;
  figure.kind = 1 + static_cast<int>(random.next_below(kShapesClasses - 1));
  figure.x = random.next_between(0.1, 0.9) * width;
  figure.y = random.next_between(0.1, 0.9) * height;
  figure.radius = random.next_between(0.15, 0.28) * side;
  figure.turn = random_direction(random);
  figure.color = jitter(kColors[static_cast<std::size_t>(figure.kind)], 25, random);
  return figure;
}

// Rises from -1 to 1 and falls again within each unit of t.
double triangle_wave(double t) { return 4 * std::abs(t - std::floor(t + 0.5)) - 1; }

struct Ground {
  Rgb color{};
  Direction wave{1, 0};
  double waves = 0;
  double depth = 0;

  Rgb at(double x, double y) const {
    const double swing = depth * triangle_wave((x * wave.x + y * wave.y) * waves);
    return {color.r + swing, color.g + swing, color.b + swing};
  }
};

std::uint8_t to_byte(double value) { return static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0)); }

class GeneratedDataset final : public Dataset {
 public:
  GeneratedDataset(const Descriptor& descriptor, const Split& split)
      : generator_(*descriptor.generator), channels_(descriptor.images.form.channels), split_(split) {}

  std::int64_t size() const override { return split_.count; }
  bool labelled() const override { return true; }
  std::string name(std::int64_t index) const override {
    const std::string digits = std::to_string(index);
    return generator_.name + "_" + std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
  }
  Result<imaging::Image> load_image(std::int64_t index) const override { return make(index).image; }
  Result<imaging::LabelMap> load_label(std::int64_t index) const override { return make(index).label; }
  Result<Sample> load(std::int64_t index) const override { return make(index); }

 private:
  Sample make(std::int64_t index) const {
    const auto& [name, height, width] = generator_;
    if (name == kShapes7) return make_shapes7(split_.seed, index, height, width, channels_);
    return make_shapes(split_.seed, index, height, width);
  }
  Generator generator_;
  std::int64_t channels_;
  Split split_;
};

}  // namespace

Sample make_shapes(std::uint64_t seed, std::int64_t index, std::int64_t height, std::int64_t width) {
  core::Random random(seed, core::RandomPurpose::shapes, static_cast<std::uint32_t>(index),
                      static_cast<std::uint32_t>(index >> 32));
  const auto h = static_cast<double>(height);
  const auto w = static_cast<double>(width);
  const double side = std::min(h, w);
  Ground ground;
  ground.color = jitter(shade(kColors[0], random.next_between(0.7, 1.4)), 12, random);
  ground.wave = random_direction(random);
  ground.waves = random.next_between(2, 6) / side;
  ground.depth = random.next_between(5, 20);
  const Direction light = random_direction(random);
  const double contrast = random.next_between(0, 0.25);
  std::array<Figure, 5> figures;
  const std::uint32_t count = 3 + random.next_below(3);
  for (std::uint32_t i = 0; i < count; ++i) figures[i] = random_figure(random, h, w);

  const auto pixels = static_cast<std::size_t>(height * width);
  Sample sample{{height, width, std::vector<std::uint8_t>(pixels * 3)},
                {height, width, std::vector<ClassId>(pixels)}};
  for (std::size_t i = 0; i < pixels; ++i) {
    const std::int64_t row = static_cast<std::int64_t>(i) / width;
    const double x = static_cast<double>(static_cast<std::int64_t>(i) - row * width) + 0.5;
    const double y = static_cast<double>(row) + 0.5;
    Rgb color = ground.at(x, y);
    ClassId kind = 0;
    for (std::uint32_t f = 0; f < count; ++f) {  // later figures lie above earlier ones
      const Figure& figure = figures[f];
      const double dx = (x - figure.x) / figure.radius;
      const double dy = (y - figure.y) / figure.radius;
      const double u = dx * figure.turn.x + dy * figure.turn.y;
      const double v = dy * figure.turn.x - dx * figure.turn.y;
      if (!covers(figure.kind, u, v)) continue;
      kind = static_cast<ClassId>(figure.kind);
      const bool dark = kind == 6 && static_cast<int>(std::floor((u + 1.1) * 2.5)) % 2 == 1;
      color = dark ? shade(figure.color, 0.55) : figure.color;
    }
    const double lit = 1 + contrast * ((x / w - 0.5) * light.x + (y / h - 0.5) * light.y) * 2;
    color = jitter(shade(color, lit), 18, random);
    sample.image.rgb[3 * i] = to_byte(color.r);
    sample.image.rgb[3 * i + 1] = to_byte(color.g);
    sample.image.rgb[3 * i + 2] = to_byte(color.b);
    sample.label.ids[i] = kind;
  }
  return sample;
}

Result<std::unique_ptr<Dataset>> make_generated(const Descriptor& descriptor, const Split& split) {
  const std::string& name = descriptor.generator->name;
  const auto wrong = [&](ErrorCode code, const std::string& what) {
    return Status(code, descriptor.file.string() + ": " + what);
  };
  if (name != kShapes && name != kShapes7) {
    return wrong(ErrorCode::not_found, "no generator is called '" + name + "'; there are: shapes, shapes7");
  }
  const int classes = name == kShapes ? kShapesClasses : kShapes7Classes;
  if (descriptor.classes.size() != static_cast<std::size_t>(classes)) {
    return wrong(ErrorCode::invalid_file, "the generator " + name + " has " + std::to_string(classes) +
                                              " classes, not " + std::to_string(descriptor.classes.size()));
  }
  const imaging::ImageForm& form = descriptor.images.form;
  const bool fits = name == kShapes
                        ? form.is_picture()
                        : form.channels <= kShapes7Channels && form.pixels == imaging::ImageForm::Pixels::u16;
  if (!fits) {
    return wrong(ErrorCode::invalid_file,
                 "the generator " + name + " makes " +
                     (name == kShapes ? "pictures" : "up to 7 channels of 16 bits (\"type\": \"u16\")"));
  }
  return std::unique_ptr<Dataset>(std::make_unique<GeneratedDataset>(descriptor, split));
}

}  // namespace graphrun::datasets
