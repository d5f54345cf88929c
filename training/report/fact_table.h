#pragma once

#include <span>
#include <string>
#include <vector>

namespace graphrun::training {

// A table of texts: the first row is its head, every row may be shorter. Texts come from files; control
// characters are shown.
using FactTable = std::vector<std::vector<std::string>>;

// Columns side by side, with a line each.
std::string aligned(const FactTable& table);
// As RFC 4180 has it: texts with commas, quotes or line ends are quoted.
std::string comma_separated(const FactTable& table);

// Numbers of several things by name, beside each other.
struct BarGroup {
  std::string name;
  std::vector<double> values;  // 0 to 1, one for each series; not a number: none
};
// A drawing that stands alone (SVG): a row of bars for each group.
std::string bars_svg(const std::string& title, std::span<const std::string> series,
                     std::span<const BarGroup> groups);

}  // namespace graphrun::training
