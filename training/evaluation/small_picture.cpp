#include "training/evaluation/small_picture.h"

#include <algorithm>

#include "datasets/image_source.h"

namespace graphrun::training {

imaging::Extent within(const imaging::Extent& size, std::int64_t side) {
  const std::int64_t longer = std::max({size.height, size.width, std::int64_t{1}});
  if (longer <= side) return size;
  const auto part = [&](std::int64_t of) { return std::max(of * side / longer, std::int64_t{1}); };
  return {part(size.height), part(size.width)};
}

imaging::Image shrunk(const imaging::Image& image, const imaging::Extent& size) {
  if (!image.is_rgb()) return shrunk(datasets::picture_of(image), size);
  if (size == imaging::Extent{image.height, image.width}) return image;
  imaging::Image small{size.height, size.width,
                       std::vector<std::uint8_t>(static_cast<std::size_t>(3 * size.height * size.width))};
  std::uint8_t* to = small.rgb.data();
  for (std::int64_t row = 0; row < size.height; ++row) {
    const std::int64_t top = row * image.height / size.height;
    const std::int64_t bottom = (row + 1) * image.height / size.height;
    for (std::int64_t column = 0; column < size.width; ++column, to += 3) {
      const std::int64_t left = column * image.width / size.width;
      const std::int64_t right = (column + 1) * image.width / size.width;
      std::int64_t sums[3] = {0, 0, 0};
      for (std::int64_t y = top; y < bottom; ++y) {
        const std::uint8_t* from = image.rgb.data() + 3 * (y * image.width + left);
        for (std::int64_t x = left; x < right; ++x, from += 3) {
          for (int c = 0; c < 3; ++c) sums[c] += from[c];
        }
      }
      const std::int64_t count = (bottom - top) * (right - left);
      for (int c = 0; c < 3; ++c) to[c] = static_cast<std::uint8_t>((sums[c] + count / 2) / count);
    }
  }
  return small;
}

imaging::LabelMap shrunk(const imaging::LabelMap& map, const imaging::Extent& size) {
  imaging::LabelMap small{size.height, size.width, {}};
  if (size == imaging::Extent{map.height, map.width}) {
    small.ids = map.ids;
    return small;
  }
  small.ids.reserve(static_cast<std::size_t>(size.height * size.width));
  for (std::int64_t row = 0; row < size.height; ++row) {
    const std::int64_t y = (2 * row + 1) * map.height / (2 * size.height);
    for (std::int64_t column = 0; column < size.width; ++column)
      small.ids.push_back(map.at(y, (2 * column + 1) * map.width / (2 * size.width)));
  }
  return small;
}

imaging::LabelMap difference(const imaging::LabelMap& label, const imaging::LabelMap& prediction) {
  imaging::LabelMap map{label.height, label.width, std::vector<ClassId>(label.ids.size())};
  for (std::size_t i = 0; i < map.ids.size(); ++i) {
    const bool counts = label.ids[i] != imaging::kIgnoredClass;
    map.ids[i] = !counts ? ClassId{2} : label.ids[i] == prediction.ids[i] ? ClassId{0} : ClassId{1};
  }
  return map;
}

}  // namespace graphrun::training
