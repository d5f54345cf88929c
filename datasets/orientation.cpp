#include "datasets/orientation.h"

#include <algorithm>
#include <utility>

#include "datasets/tiff_directory.h"

namespace graphrun::datasets {

namespace {

// Where the pixels of an upright image come from.
struct Turn {
  std::int64_t height, width;              // upright
  std::int64_t first, down, to_the_right;  // in pixels of the stored image
};

Turn turn_of(std::int64_t height, std::int64_t width, int orientation) {
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
std::vector<T> turned(const std::vector<T>& pixels, const Turn& turn, std::int64_t channels) {
  std::vector<T> upright(pixels.size());
  if (pixels.empty()) return upright;
  auto to = upright.begin();
  for (std::int64_t row = 0; row < turn.height; ++row) {
    std::int64_t from = turn.first + row * turn.down;
    for (std::int64_t column = 0; column < turn.width; ++column, from += turn.to_the_right)
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
  const Turn turn = turn_of(image.height, image.width, orientation);
  return {turn.height, turn.width, turned(image.rgb, turn, 3), image.channels,
          turned(image.values, turn, image.channels)};
}

LabelImage upright(LabelImage label, int orientation) {
  if (orientation == kUpright) return label;
  const Turn turn = turn_of(label.height, label.width, orientation);
  return {turn.height, turn.width, turned(label.ids, turn, 1), std::move(label.palette)};
}

}  // namespace graphrun::datasets
