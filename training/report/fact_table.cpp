#include "training/report/fact_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/core/printable.h"
#include "training/report/html.h"

namespace graphrun::training {
namespace {

// Told apart with any colour vision; more series begin again.
constexpr std::array kFills{"#0a58a8", "#d9822b", "#00704c", "#b26ba6", "#5b6570"};

// Characters, not bytes.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string bar(double x, double y, double value, std::size_t series) {
  constexpr double kLength = 320;
  return fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"9\" fill=\"{}\"/><text x=\"{:.1f}\" "
      "y=\"{:.1f}\" "
      "class=\"value\">{:.4f}</text>\n",
      x, y, std::clamp(value, 0.0, 1.0) * kLength, kFills[series % kFills.size()],
      x + std::clamp(value, 0.0, 1.0) * kLength + 5, y + 8.5, value);
}

}  // namespace

std::string aligned(const FactTable& table) {
  FactTable shown = table;
  std::vector<std::size_t> widths;
  for (auto& row : shown) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c) {
      row[c] = core::printable(row[c]);
      widths[c] = std::max(widths[c], width_of(row[c]));
    }
  }
  std::string text;
  for (const auto& row : shown) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c)
      line += row[c] + std::string(widths[c] - width_of(row[c]) + 2, ' ');
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string comma_separated(const FactTable& table) {
  std::string text;
  for (const auto& row : table) {
    for (std::size_t c = 0; c < row.size(); ++c)
      text += (c == 0 ? "" : ",") + csv_cell(core::printable(row[c]));
    text += "\n";
  }
  return text;
}

std::string bars_svg(const std::string& title, std::span<const std::string> series,
                     std::span<const BarGroup> groups) {
  constexpr double kNames = 170;
  constexpr double kWidth = 570;
  constexpr double kRow = 11;
  constexpr double kGap = 9;
  const double head = 40 + 18 * static_cast<double>(series.size());
  const double step = kRow * static_cast<double>(series.size()) + kGap;
  const double height = head + step * static_cast<double>(groups.size()) + 12;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1:.0f}\" width=\"{0}\" "
      "height=\"{1:.0f}\" "
      "role=\"img\" aria-label=\"{2}\">\n<style>text{{font:12px sans-serif;fill:#1b2026}} "
      ".value{{font-size:10px;fill:#59636e}} .title{{font-size:15px;font-weight:600}}</style>\n"
      "<rect width=\"{0}\" height=\"{1:.0f}\" fill=\"#ffffff\"/>\n<text class=\"title\" x=\"12\" "
      "y=\"24\">{2}</text>\n",
      kWidth, height, escaped(title));
  for (std::size_t s = 0; s < series.size(); ++s) {
    const double y = 34 + 18 * static_cast<double>(s);
    svg += fmt::format(
        "<rect x=\"12\" y=\"{:.1f}\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"30\" "
        "y=\"{:.1f}\">{}</text>\n",
        y, kFills[s % kFills.size()], y + 10.5, escaped(series[s]));
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const double y = head + step * static_cast<double>(g);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kNames - 8,
                       y + (step - kGap) / 2 + 4, escaped(groups[g].name));
    for (std::size_t s = 0; s < groups[g].values.size(); ++s) {
      if (std::isfinite(groups[g].values[s]))
        svg += bar(kNames, y + kRow * static_cast<double>(s), groups[g].values[s], s);
    }
  }
  return svg + "</svg>\n";
}

}  // namespace graphrun::training
