#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "training/report/chart.h"
#include "training/report/html.h"
#include "training/report/sections.h"

namespace graphrun::training {
namespace {

constexpr std::size_t kMaxNamed = 48;    // classes, whose names stand beside the map
constexpr std::size_t kMaxCells = 6000;  // that are drawn

struct Cell {
  std::size_t label = 0;
  std::size_t prediction = 0;
  double pixels = 0;
  double share = 0;  // of its label's pixels
};

// Cells of labels that occur.
std::vector<Cell> cells_of(const EvaluationFacts& evaluation) {
  std::vector<Cell> cells;
  for (std::size_t label = 0; label < evaluation.confusion.size(); ++label) {
    const std::vector<double>& row = evaluation.confusion[label];
    const double all = std::accumulate(row.begin(), row.end(), 0.0);
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (row[c] > 0) cells.push_back({label, c, row[c], row[c] / all});
    }
  }
  return cells;
}

std::string shortened(const std::string& name) {
  constexpr std::size_t kMax = 15;
  if (name.size() <= kMax) return name;
  std::size_t end = kMax - 1;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;  // between characters
  return name.substr(0, end) + "…";
}

std::string draw_names(const EvaluationFacts& evaluation, double gutter, double cell) {
  std::string svg = "<g class=\"names\">";
  for (std::size_t c = 0; c < evaluation.classes.size(); ++c) {
    const std::string name = escaped(shortened(evaluation.classes[c].name));
    const double at = gutter + (static_cast<double>(c) + 0.5) * cell;
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", gutter - 6, at + 4,
                       name);
    svg += fmt::format("<text transform=\"translate({:.1f} {:.1f}) rotate(-90)\">{}</text>", at + 4,
                       gutter - 6, name);
  }
  return svg + "</g>";
}

std::string draw_cell(const EvaluationFacts& evaluation, const Cell& cell, double gutter, double size,
                      bool with_text) {
  const bool is_right = cell.label == cell.prediction;
  const double strength = std::pow(cell.share, 0.6);
  const double x = gutter + static_cast<double>(cell.prediction) * size;
  const double y = gutter + static_cast<double>(cell.label) * size;
  std::string svg = fmt::format(
      "<g class=\"{}\"><title>{} labelled as {}: {} of its pixels</title><rect x=\"{:.1f}\" y=\"{:.1f}\" "
      "width=\"{:.1f}\" height=\"{:.1f}\" fill-opacity=\"{:.3f}\"/>",
      is_right ? "right" : "wrong", escaped(evaluation.classes[cell.label].name),
      escaped(evaluation.classes[cell.prediction].name), percent(cell.share), x, y, size - 1, size - 1,
      strength);
  if (with_text && cell.share >= 0.005) {
    svg += fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:.0f}</text>",
                       strength > 0.6 ? "on-strong" : "on-weak", x + (size - 1) / 2, y + size / 2 + 3.5,
                       100 * cell.share);
  }
  return svg + "</g>";
}

std::string heat_map(const EvaluationFacts& evaluation, std::vector<Cell> cells) {
  const std::size_t classes = evaluation.classes.size();
  const bool named = classes <= kMaxNamed;
  const double size = named ? 26 : std::max(3.0, 720 / static_cast<double>(classes));
  const double gutter = named ? 112 : 4;
  const double side = gutter + static_cast<double>(classes) * size + 2;
  if (cells.size() > kMaxCells) {
    std::ranges::nth_element(cells, cells.begin() + kMaxCells, std::ranges::greater{}, &Cell::share);
    cells.resize(kMaxCells);
  }
  std::string svg = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Confusion matrix, a picture\">\n"
      "<svg class=\"heat\" style=\"width:{0:.0f}px\" viewBox=\"0 0 {0:.0f} {0:.0f}\" role=\"img\" "
      "aria-label=\"Confusion matrix: how the pixels of each label, a row, were labelled, columns. The "
      "largest confusions stand in the table.\">",
      side);
  svg +=
      fmt::format("<rect class=\"frame\" x=\"{0:.1f}\" y=\"{0:.1f}\" width=\"{1:.1f}\" height=\"{1:.1f}\"/>",
                  gutter - 0.5, static_cast<double>(classes) * size);
  if (named) svg += draw_names(evaluation, gutter, size);
  for (const Cell& cell : cells) svg += draw_cell(evaluation, cell, gutter, size, named);
  return svg + "</svg></div>\n";
}

std::string worst_confusions(const EvaluationFacts& evaluation, std::vector<Cell> cells) {
  constexpr std::size_t kMax = 12;
  const double all = std::accumulate(cells.begin(), cells.end(), 0.0,
                                     [](double total, const Cell& cell) { return total + cell.pixels; });
  std::erase_if(cells, [](const Cell& cell) { return cell.label == cell.prediction; });
  std::ranges::sort(cells, std::ranges::greater{}, &Cell::pixels);
  if (cells.size() > kMax) cells.resize(kMax);
  if (cells.empty()) return "<p>No pixel was labelled wrongly.</p>\n";
  std::string html =
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Worst confusions, a "
      "table\">\n<table><caption>Worst confusions, by pixels</caption><thead><tr><th "
      "scope=\"col\">Label</th><th "
      "scope=\"col\">Labelled as</th><th scope=\"col\" class=\"number\">Of the label’s pixels</th><th "
      "scope=\"col\" class=\"number\">Of all pixels</th></tr></thead>\n<tbody>\n";
  for (const Cell& cell : cells) {
    html += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"number\">{}</td><td "
        "class=\"number\">{}</td></tr>\n",
        escaped(evaluation.classes[cell.label].name), escaped(evaluation.classes[cell.prediction].name),
        percent(cell.share), percent(cell.pixels / all));
  }
  return html + "</tbody></table></div>\n";
}

}  // namespace

std::string confusion_section(const EvaluationFacts& evaluation) {
  const std::vector<Cell> cells = cells_of(evaluation);
  if (cells.empty()) return {};
  return section(
      "confusion", "Confusion",
      "<p>A row is a label, a column what its pixels were labelled as, in percent of the row. Blue is "
      "right, orange is wrong.</p>\n<div class=\"beside\">" +
          heat_map(evaluation, cells) + worst_confusions(evaluation, cells) + "</div>\n");
}

std::string reliability_section(const EvaluationFacts& evaluation) {
  if (evaluation.reliability.empty()) return {};
  Series series{"this network", {}, true};
  for (const ReliabilityBin& bin : evaluation.reliability) {
    if (bin.pixels > 0) series.points.push_back({bin.confidence, bin.accuracy});
  }
  std::string html = line_chart({.title = "Reliability",
                                 .x_label = "confidence",
                                 .y_label = "share that is right",
                                 .series = {std::move(series)},
                                 .square = true});
  if (html.empty()) return {};
  html = "<div class=\"charts\">\n" + html + "</div>\n";
  if (const auto& error = evaluation.calibration_error)
    html = fmt::format(
               "<p>Expected calibration error {:.4f}. On the diagonal, confidence is what it says: "
               "of the pixels with 0.8, four of five are right.</p>\n",
               *error) +
           html;
  return section("reliability", "Reliability", html);
}

}  // namespace graphrun::training
