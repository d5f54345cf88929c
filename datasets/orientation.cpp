#include "datasets/orientation.h"

#include <algorithm>
#include <utility>

#include "datasets/tiff_directory.h"

namespace graphrun::datasets {

namespace {

// A rotation or mirror image: where the pixels of an upright image come from.
struct Rotation {
  std::int64_t height, width;              // upright
  std::int64_t first, down, to_the_right;  // in pixels of the stored image
};

Rotation rotation_of(std::int64_t height, std::int64_t width, int orientation) {
  const std::int64_t last_row = (height - 1) * width;
  const std::int64_t last_column = width - 1;
  switch (orientation) {
    case 2:
      return {height, width, last_column, width, -1};
    case 3:
      return {height, width, last_row + last_column, -width, -1};
    case 4:
      return {height, width, last_row, -width, 1};
    case 5:
      return {width, height, 0, 1, width};
    case 6:
      return {width, height, last_row, 1, -width};
    case 7:
      return {width, height, last_row + last_column, -1, -width};
    case 8:
      return {width, height, last_column, -1, width};
    default:
      return {height, width, 0, width, 1};
  }
}

template <class T>
std::vector<T> rotated(const std::vector<T>& pixels, const Rotation& rotation, std::int64_t channels) {
  std::vector<T> upright(pixels.size());
  if (pixels.empty()) return upright;
  auto to = upright.begin();
  for (std::int64_t row = 0; row < rotation.height; ++row) {
    std::int64_t from = rotation.first + row * rotation.down;
    for (std::int64_t column = 0; column < rotation.width; ++column, from += rotation.to_the_right)
      to = std::copy_n(pixels.begin() + from * channels, channels, to);
  }
  return upright;
}

}  // namespace

int exif_orientation(std::string_view exif) {
  using namespace std::string_view_literals;
  constexpr std::uint32_t kOrientationTag = 0x112;
  constexpr std::string_view kPrefix = "Exif\0"sv;  // and one byte that fills up
  if (exif.starts_with(kPrefix)) exif.remove_prefix(std::min(kPrefix.size() + 1, exif.size()));
  const auto directory = TiffDirectory::open(exif);
  const auto value = directory ? directory->value(kOrientationTag) : std::nullopt;
  return value && *value >= 1 && *value <= 8 ? static_cast<int>(*value) : kUpright;
}

imaging::Image upright(imaging::Image image, int orientation) {
  if (orientation == kUpright) return image;
  const Rotation rotation = rotation_of(image.height, image.width, orientation);
  return {rotation.height, rotation.width, rotated(image.rgb, rotation, 3), image.channels,
          rotated(image.values, rotation, image.channels)};
}

LabelImage upright(LabelImage label, int orientation) {
  if (orientation == kUpright) return label;
  const Rotation rotation = rotation_of(label.height, label.width, orientation);
  return {rotation.height, rotation.width, rotated(label.ids, rotation, 1), std::move(label.palette)};
}

}  // namespace graphrun::datasets
