#include "tools/eval/pictures.h"

#include <system_error>

#include "datasets/image_io.h"

namespace graphrun {

std::vector<Color> class_colors(std::span<const ClassInfo> classes) {
  std::vector<Color> colors;
  for (const ClassInfo& info : classes) colors.push_back(info.color);
  return colors;
}

Result<PictureWriter> PictureWriter::create(const std::filesystem::path& folder, std::vector<Color> palette) {
  for (const char* kind : {"gray", "color", "overlay"}) {
    std::error_code error;
    std::filesystem::create_directories(folder / kind, error);
    if (error) return {ErrorCode::io, (folder / kind).string() + ": " + error.message()};
  }
  return PictureWriter(folder, std::move(palette));
}

Status PictureWriter::write(const std::string& name, const Image& image, const LabelMap& map) const {
  constexpr float kOpacity = 0.6f;
  const std::string file = name + ".png";
  GRAPHRUN_TRY(write_gray_png(folder_ / "gray" / file, map));
  GRAPHRUN_TRY(write_palette_png(folder_ / "color" / file, map, palette_));
  return write_rgb_png(folder_ / "overlay" / file, overlay(image, map, palette_, kOpacity));
}

}  // namespace graphrun
