#pragma once

#include <span>
#include <string>
#include <vector>

#include "graphrun/class_info.h"
#include "runtime/imaging/image.h"

namespace graphrun::training {

// A picture with its title.
struct SheetPanel {
  std::string title;
  imaging::Image picture;
  std::int64_t title_columns = 1;  // of the grid that the title may take
};
// An entry of a legend.
struct SheetKey {
  std::string name;
  imaging::Color color;
};

// Panels side by side, `columns` in a row, each at its place in a grid of the largest, and the legend below
// them. Precondition: at least one panel.
imaging::Image arrange(std::span<const SheetPanel> panels, std::int64_t columns,
                       std::span<const SheetKey> legend);

// One image and what a network made of it, shrunk to 640 pixels a side: image and prediction, and where there
// is a label (not null) that and where they differ; the legend names the classes that occur. Precondition:
// equal sizes.
imaging::Image result_sheet(const imaging::Image& image, const imaging::LabelMap* label,
                            const imaging::LabelMap& prediction, std::span<const ClassInfo> classes);

// How errors are shown, for people of any colour vision.
inline constexpr imaging::Color kRightColor{223, 228, 234};
inline constexpr imaging::Color kWrongColor{200, 70, 0};
inline constexpr imaging::Color kNowhereColor{120, 130, 142};  // the label counts nowhere

// The label map in the classes' colours, kNowhereColor for what is no class.
imaging::Image colored(const imaging::LabelMap& map, std::span<const ClassInfo> classes);
// A key for each class that occurs in any of the maps, in their order.
std::vector<SheetKey> keys_of(std::span<const imaging::LabelMap* const> maps,
                              std::span<const ClassInfo> classes);

}  // namespace graphrun::training
