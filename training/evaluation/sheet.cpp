#include "training/evaluation/sheet.h"

#include <algorithm>
#include <array>

#include "training/evaluation/sheet_canvas.h"
#include "training/evaluation/small_picture.h"

namespace graphrun::training {
namespace {

constexpr std::int64_t kGap = 12;
constexpr std::int64_t kSwatch = 16;
constexpr std::int64_t kLine = SheetCanvas::kLineHeight;

// Where each key of a legend stands: lines are filled from the left.
struct Placed {
  const SheetKey* key = nullptr;
  std::int64_t line = 0;
  std::int64_t left = 0;
};

std::vector<Placed> place(std::span<const SheetKey> legend, std::int64_t width) {
  std::vector<Placed> placed;
  std::int64_t line = 0;
  std::int64_t left = kGap;
  for (const SheetKey& key : legend) {
    const std::int64_t needed = kSwatch + 6 + SheetCanvas::width_of(key.name) + 18;
    if (left > kGap && left + needed > width) {
      ++line;
      left = kGap;
    }
    placed.push_back({&key, line, left});
    left += needed;
  }
  return placed;
}

// Swatches are framed: some classes are white.
void draw(SheetCanvas& canvas, std::int64_t top, const Placed& placed) {
  const std::int64_t at = top + placed.line * kLine;
  canvas.fill(at, placed.left, {kSwatch, kSwatch}, kSheetText);
  canvas.fill(at + 1, placed.left + 1, {kSwatch - 2, kSwatch - 2}, placed.key->color);
  canvas.write(at + 1, placed.left + kSwatch + 6, placed.key->name);
}

}  // namespace

imaging::Image arrange(std::span<const SheetPanel> panels, std::int64_t columns,
                       std::span<const SheetKey> legend) {
  imaging::Extent cell{1, 1};
  for (const SheetPanel& panel : panels) {
    cell.height = std::max(cell.height, panel.picture.height);
    const std::int64_t title = SheetCanvas::width_of(panel.title) - (panel.title_columns - 1) * kGap;
    cell.width = std::max({cell.width, panel.picture.width, title / panel.title_columns});
  }
  const std::int64_t rows = (std::ssize(panels) + columns - 1) / columns;
  const std::int64_t width = kGap + std::min(columns, std::ssize(panels)) * (cell.width + kGap);
  const std::int64_t step = kLine + cell.height + kGap;
  const std::vector<Placed> placed = place(legend, width);
  const std::int64_t legend_top = kGap + rows * step;
  const std::int64_t legend_height = placed.empty() ? 0 : (placed.back().line + 1) * kLine + kGap;
  SheetCanvas canvas({legend_top + legend_height, width});
  for (std::int64_t i = 0; i < std::ssize(panels); ++i) {
    const SheetPanel& panel = panels[static_cast<std::size_t>(i)];
    const std::int64_t top = kGap + i / columns * step;
    const std::int64_t left = kGap + i % columns * (cell.width + kGap);
    canvas.write(top, left, panel.title);
    canvas.paste(top + kLine, left, panel.picture);
  }
  for (const Placed& key : placed) draw(canvas, legend_top, key);
  return canvas.picture();
}

imaging::Image colored(const imaging::LabelMap& map, std::span<const ClassInfo> classes) {
  imaging::Image picture{map.height, map.width, std::vector<std::uint8_t>(3 * map.ids.size())};
  std::uint8_t* to = picture.rgb.data();
  for (const ClassId id : map.ids) {
    const imaging::Color color = id < classes.size() ? classes[id].color : kNowhereColor;
    *to++ = color.r, *to++ = color.g, *to++ = color.b;
  }
  return picture;
}

std::vector<SheetKey> keys_of(std::span<const imaging::LabelMap* const> maps,
                              std::span<const ClassInfo> classes) {
  std::vector<std::uint8_t> occurs(std::size_t{imaging::kIgnoredClass} + 1);  // whatever an id may be
  for (const imaging::LabelMap* map : maps) {
    for (const ClassId id : map->ids) occurs[id] = 1;
  }
  std::vector<SheetKey> keys;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    if (occurs[c] != 0) keys.push_back({classes[c].name, classes[c].color});
  }
  return keys;
}

imaging::Image result_sheet(const imaging::Image& image, const imaging::LabelMap* label,
                            const imaging::LabelMap& prediction, std::span<const ClassInfo> classes) {
  constexpr std::int64_t kSide = 640;
  const imaging::Extent size = within({image.height, image.width}, kSide);
  const imaging::LabelMap found = shrunk(prediction, size);
  std::vector<SheetPanel> panels{{"image", shrunk(image, size)}, {"prediction", colored(found, classes)}};
  if (label == nullptr) return arrange(panels, 2, keys_of(std::array{&found}, classes));
  const imaging::LabelMap wanted = shrunk(*label, size);
  const std::array<ClassInfo, 3> errors{
      {{"right", kRightColor}, {"wrong", kWrongColor}, {"counts nowhere", kNowhereColor}}};
  const imaging::LabelMap difference_map = difference(wanted, found);
  panels.insert(panels.begin() + 1, {"label", colored(wanted, classes)});
  panels.push_back({"error", colored(difference_map, errors)});
  std::vector<SheetKey> keys = keys_of(std::array{&wanted, &found}, classes);
  const std::vector<SheetKey> error_keys = keys_of(std::array{&difference_map}, errors);
  keys.insert(keys.end(), error_keys.begin(), error_keys.end());
  return arrange(panels, 2, keys);
}

}  // namespace graphrun::training
