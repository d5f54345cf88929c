#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "training/report/html.h"
#include "training/report/sections.h"

namespace graphrun::training {
namespace {

std::string title_of(const std::string& score) {
  static const std::map<std::string, std::string> kTitles{{"iou", "IoU"},
                                                          {"acc", "Accuracy"},
                                                          {"dice", "Dice"},
                                                          {"f1", "F1"},
                                                          {"boundary_iou", "Boundary IoU"},
                                                          {"precision", "Precision"},
                                                          {"recall", "Recall"}};
  const auto found = kTitles.find(score);
  return found == kTitles.end() ? score : found->second;
}

std::string head_cell(const std::string& title, bool is_text, bool sorted) {
  return fmt::format("<th scope=\"col\"{}{}><button type=\"button\">{}</button></th>",
                     is_text ? "" : " class=\"number\"", sorted ? " aria-sort=\"descending\"" : "",
                     escaped(title));
}

std::string number_cell(std::optional<double> value, bool with_bar) {
  if (!value) return "<td class=\"number\">–</td>";
  const std::string bar = with_bar ? fmt::format("<span class=\"bar\" style=\"--part:{:.4f}\"></span>",
                                                 std::clamp(*value, 0.0, 1.0))
                                   : "";
  return fmt::format("<td class=\"number{}\">{}{:.4f}</td>", with_bar ? " with-bar" : "", bar, *value);
}

double sum(const std::vector<double>& cells) { return std::accumulate(cells.begin(), cells.end(), 0.0); }

}  // namespace

std::string classes_section(const EvaluationFacts& evaluation, std::span<const imaging::Color> colors) {
  if (evaluation.classes.empty()) return {};
  std::vector<std::size_t> order(evaluation.classes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto iou = [&](std::size_t c) { return evaluation.score(c, "iou").value_or(-1); };
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return iou(a) > iou(b); });
  double labelled = 0;
  for (const std::vector<double>& row : evaluation.confusion) labelled += sum(row);
  std::string html =
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Classes, a table\">\n"
      "<table class=\"sortable\"><thead><tr>" +
      head_cell("Class", true, false);
  for (const std::string& score : evaluation.class_scores)
    html += head_cell(title_of(score), false, score == "iou");
  if (labelled > 0) html += head_cell("Share of pixels", false, false);
  html += "</tr></thead>\n<tbody>\n";
  for (const std::size_t c : order) {
    std::string swatch;
    if (c < colors.size()) {
      swatch = fmt::format("<span class=\"swatch\" style=\"background:#{:02x}{:02x}{:02x}\"></span>",
                           colors[c].r, colors[c].g, colors[c].b);
    }
    html += fmt::format("<tr><th scope=\"row\">{}{}</th>", swatch, escaped(evaluation.classes[c].name));
    for (std::size_t s = 0; s < evaluation.class_scores.size(); ++s)
      html += number_cell(evaluation.classes[c].scores[s], evaluation.class_scores[s] == "iou");
    if (labelled > 0)
      html += fmt::format("<td class=\"number\">{}</td>", percent(sum(evaluation.confusion[c]) / labelled));
    html += "</tr>\n";
  }
  return section("classes", "Classes by IoU", html + "</tbody></table></div>\n");
}

}  // namespace graphrun::training
