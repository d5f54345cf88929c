#include "training/report/page.h"

#include <fmt/format.h>

#include <cmath>
#include <system_error>
#include <utility>

#include "training/report/assets.h"
#include "training/report/html.h"
#include "training/report/sections.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

std::string short_name(const fs::path& path) {
  std::error_code ignored;
  const fs::path whole = fs::absolute(path, ignored).lexically_normal();
  const fs::path clean = whole.has_filename() ? whole : whole.parent_path();
  return clean.filename().string();
}

// The network and its data, else the name of the folder.
std::string title_of(const Page& page) {
  if (page.run == nullptr) return "Evaluation";
  const std::string network = page.run->network();
  return (network.empty() ? short_name(page.run->folder) : network) + " on " + page.run->dataset();
}

void tile(std::string& html, std::string_view title, const std::string& value, const std::string& note = {}) {
  html += fmt::format("<div class=\"tile\"><dt>{}</dt><dd>{}{}</dd></div>\n", title, escaped(value),
                      note.empty() ? "" : "<small>" + escaped(note) + "</small>");
}

void score_tiles(std::string& html, const EvaluationFacts& evaluation) {
  for (const auto& [name, title] : {std::pair("mIoU", "Mean IoU"), std::pair("mAcc", "Mean accuracy"),
                                    std::pair("aAcc", "Pixel accuracy")}) {
    const auto value = evaluation.score(name);
    const bool has_interval = evaluation.iou_interval && name == std::string_view("mIoU");
    if (!value) continue;
    tile(html, title, fmt::format("{:.4f}", *value),
         has_interval ? fmt::format("95 %: {:.4f} to {:.4f}", evaluation.iou_interval->first,
                                    evaluation.iou_interval->second)
                      : "");
  }
  if (evaluation.images > 0) tile(html, "Images", grouped(static_cast<double>(evaluation.images)));
}

void run_tiles(std::string& html, const RunFacts& run, const std::vector<StepFact>& steps) {
  if (const auto best = run.best()) {
    tile(html, "Best in training", fmt::format("{:.4f}", *best->val_iou),
         fmt::format("mIoU of epoch {:.0f}, centre crops", best->epoch));
  }
  double seconds = 0;
  for (const StepFact& step : steps) {
    const double both = step.data_s + step.step_s;
    if (std::isfinite(both)) seconds += both;
  }
  const auto planned = run.settings.find("epochs");
  if (!run.epochs.empty()) {
    tile(html, "Epochs", fmt::format("{:.0f}", run.epochs.back().epoch),
         planned == run.settings.end() ? "" : "of " + planned->second.value);
  }
  if (!steps.empty()) {
    tile(html, "Training", time_text(seconds),
         grouped(static_cast<double>(steps.size())) + " iterations, " + run.record.precision);
  }
}

// The other scores of the split, those that only some builds have written too.
std::string more_scores(const EvaluationFacts& evaluation) {
  std::string rows;
  for (const auto& [name, value] : evaluation.scores) {
    if (name == "mIoU" || name == "mAcc" || name == "aAcc") continue;
    rows +=
        fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(name),
                    value == std::floor(value) && value > 1 ? grouped(value) : fmt::format("{:.4f}", value));
  }
  return rows.empty() ? rows : "<dl class=\"scores\">\n" + rows + "</dl>\n";
}

std::string evaluations_of(const RunFacts& run, const fs::path& shown) {
  if (run.evaluations.size() < 2) return {};
  std::string html = "<details><summary>Evaluations of this run</summary>\n<ul>\n";
  for (const EvaluationFolder& place : run.evaluations) {
    html += fmt::format("<li>{} · {} · {}{}</li>\n", escaped(place.checkpoint), escaped(place.split),
                        escaped(place.protocol), place.folder == shown.parent_path() ? " (shown here)" : "");
  }
  return html + "</ul></details>\n";
}

std::string header(const Page& page) {
  std::string html =
      "<header>\n<p class=\"kind\">graphrun report</p>\n<h1>" + escaped(title_of(page)) + "</h1>\n";
  if (page.run != nullptr) html += "<p class=\"where\">" + escaped(page.run->folder.string()) + "</p>\n";
  if (page.evaluation != nullptr) {
    html += fmt::format("<p class=\"where\">Evaluated: {}{}{}</p>\n", escaped(page.evaluation->file.string()),
                        page.evaluation->protocol.empty() ? "" : " · ", escaped(page.evaluation->protocol));
  }
  html += "<dl class=\"tiles\">\n";
  if (page.evaluation != nullptr) score_tiles(html, *page.evaluation);
  if (page.run != nullptr) run_tiles(html, *page.run, page.steps);
  html += "</dl>\n";
  if (page.evaluation == nullptr)
    html +=
        "<p>This run has not been evaluated yet; <code>grun eval --run</code> does, and a new report shows "
        "it.</p>\n";
  if (page.evaluation != nullptr) html += more_scores(*page.evaluation);
  if (page.run != nullptr && page.evaluation != nullptr)
    html += evaluations_of(*page.run, page.evaluation->file);
  return html + "</header>\n";
}

// Links to the sections that there are, in their order.
std::string contents(const std::string& sections) {
  std::string links;
  constexpr std::string_view kBegin = "<h2 id=\"";
  for (std::size_t at = sections.find(kBegin); at != std::string::npos; at = sections.find(kBegin, at + 1)) {
    const std::size_t id = at + kBegin.size();
    const std::size_t id_end = sections.find('"', id);
    const std::size_t title = sections.find('>', id_end) + 1;
    links += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", sections.substr(id, id_end - id),
                         sections.substr(title, sections.find('<', title) - title));
  }
  return "<nav aria-label=\"Contents\"><ul>\n" + links + "</ul></nav>\n";
}

std::string sections_of(const Page& page) {
  std::string html;
  if (page.run != nullptr) html += curves_section(*page.run, page.steps);
  if (page.evaluation != nullptr) {
    html += classes_section(*page.evaluation, page.colors);
    html += confusion_section(*page.evaluation);
    html += page.images;
    if (!page.left_out.empty())
      html += section("images", "Images",
                      "<p>There are none in this report: " + escaped(page.left_out) + "</p>\n");
    html += reliability_section(*page.evaluation);
  }
  html += page.profile;
  if (page.run != nullptr) {
    html += settings_section(*page.run);
    html += origin_section(*page.run);
  }
  return html;
}

}  // namespace

std::string page_html(const Page& page) {
  const std::string sections = sections_of(page);
  // The policy keeps every request from leaving, whatever the text in the page turns out to be.
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
      "'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n"
      "<title>{} – graphrun report</title>\n<style>\n{}</style>\n</head>\n<body>\n"
      "<a class=\"skip\" href=\"#main\">To the figures</a>\n{}{}<main id=\"main\" "
      "tabindex=\"-1\">\n{}</main>\n<script>\n{}</script>\n"
      "</body>\n</html>\n",
      escaped(title_of(page)), report_css(), header(page), contents(sections), sections, report_js());
}

}  // namespace graphrun::training
