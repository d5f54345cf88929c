#include <cstdio>

#include "datasets/check.h"

namespace graphrun::datasets {

namespace {

constexpr std::int64_t kShown = 5;  // problems of a kind that are printed in full

struct Advice {
  ProblemKind kind;
  const char* title_of_one;
  const char* title;
  const char* what_to_do;
};

constexpr Advice kAdvice[] = {
    {ProblemKind::image_missing, "image that is not there", "images that are not there",
     "check --data-root, and that the list's paths are relative to it"},
    {ProblemKind::label_missing, "image without a label", "images without a label",
     "take them out of the list, or mark the split \"labelled\": false"},
    {ProblemKind::image_unreadable, "image that cannot be read", "images that cannot be read",
     "fetch or export these files again"},
    {ProblemKind::label_unreadable, "label that cannot be read", "labels that cannot be read",
     "fetch or export these files again"},
    {ProblemKind::label_form, "label that is a picture without ids", "labels that are pictures without ids",
     "labels are grey or palette PNGs of ids; for masks in the classes' colours the label rule is "
     "{\"colors\": true}, or convert them with `grun data import rgb`"},
    {ProblemKind::size_mismatch, "label of another size than its image",
     "labels of another size than their image",
     "export both at one size; resize labels with nearest neighbour only"},
    {ProblemKind::unknown_label_id, "label id or colour that the data set does not have",
     "label ids or colours that the data set does not have",
     "map them to a class or add them to \"ignore\" in the descriptor's \"labels\""},
    {ProblemKind::palette_differs, "palette label whose indices are not the class ids",
     "palette labels whose indices are not the class ids",
     "the colours are right but the indices are not: convert by colour to class ids"},
    {ProblemKind::name_twice, "image with the name of another", "images with the name of another",
     "predictions are written by name and would overwrite each other: rename the files"},
    {ProblemKind::sample_twice, "image that is listed again", "images that are listed again",
     "take the second line out: evaluation counts the image twice, and its prediction has one name"},
};

template <class... Args>
void print(std::string& text, const char* format, Args... args) {
  char line[256];
  std::snprintf(line, sizeof(line), format, args...);
  text += line;
}

void print_classes(const CheckReport& report, std::string& text) {
  std::int64_t labelled = 0;
  for (const ClassCount& c : report.classes) labelled += c.pixels;
  print(text, "%4s  %-20s %14s %9s %9s %8s\n", "id", "class", "pixels", "share", "images", "weight");
  for (std::size_t i = 0; i < report.classes.size(); ++i) {
    const ClassCount& c = report.classes[i];
    const double share =
        labelled == 0 ? 0 : 100.0 * static_cast<double>(c.pixels) / static_cast<double>(labelled);
    print(text, "%4d  %-20.60s %14lld %8.3f%% %9lld %8.3f\n", static_cast<int>(i),
          report.class_names[i].c_str(), static_cast<long long>(c.pixels), share,
          static_cast<long long>(c.images), c.weight);
  }
  const std::int64_t all = labelled + report.ignored_pixels;
  print(text, "%4s  %-20s %14lld %8.3f%% of all\n", "", "(ignored)",
        static_cast<long long>(report.ignored_pixels),
        all == 0 ? 0 : 100.0 * static_cast<double>(report.ignored_pixels) / static_cast<double>(all));
}

// Numbers that a descriptor takes as they are printed.
std::string list_of(const std::vector<ChannelStatistics>& channels, double ChannelStatistics::*number,
                    double scale) {
  std::string text;
  for (const ChannelStatistics& channel : channels)
    print(text, "%s%.4g", text.empty() ? "" : ", ", channel.*number / scale);
  return "[" + text + "]";
}

// And what a network would make of them. Of pictures networks have their own, of the images that their
// backbones saw.
void print_channels(const CheckReport& report, std::string& text) {
  if (report.channels.empty()) return;
  print(text, "%7s %12s %12s %12s %12s %12s\n", "channel", "mean", "deviation", "1 %", "median", "99 %");
  for (std::size_t c = 0; c < report.channels.size(); ++c) {
    const ChannelStatistics& of = report.channels[c];
    print(text, "%7zu %12.5g %12.5g %12.5g %12.5g %12.5g\n", c, of.mean, of.deviation, of.low, of.median,
          of.high);
  }
  std::vector<ChannelStatistics> usable = report.channels;
  for (ChannelStatistics& of : usable) of.deviation = of.deviation > 0 ? of.deviation : 1;
  const double scale = report.images.is_picture() ? 255 : 1;
  print(text, "\"preprocess\": {\"value_scale\": %g, ", scale);
  text += "\"mean\": " + list_of(usable, &ChannelStatistics::mean, scale) +
          ", \"std\": " + list_of(usable, &ChannelStatistics::deviation, scale) + "}" +
          (report.images.is_picture() ? "  (pictures: only where the network starts from nothing)\n" : "\n");
}

}  // namespace

std::string format_report(const CheckReport& report) {
  std::string text = report.dataset + " " + report.split + ": " + std::to_string(report.samples) +
                     (report.samples == 1 ? " sample, " : " samples, ");
  text += report.largest_width == 0
              ? "no image of which could be read\n"
              : std::to_string(report.smallest_width) + " x " + std::to_string(report.smallest_height) +
                    " to " + std::to_string(report.largest_width) + " x " +
                    std::to_string(report.largest_height) + " pixels\n";
  print_channels(report, text);
  if (report.labelled) print_classes(report, text);
  for (const std::string& note : report.notes) text += "note: " + note + "\n";
  for (const Unlisted& unlisted : report.unlisted) text += "note: " + describe(unlisted) + "\n";
  if (report.problems.empty()) return text + "no problems found\n";
  for (const Advice& advice : kAdvice) {
    const auto found = report.counts.find(advice.kind);
    if (found == report.counts.end()) continue;
    const std::int64_t count = found->second;
    std::int64_t shown = 0;
    std::string lines;
    for (const Problem& problem : report.problems) {
      if (problem.kind != advice.kind || ++shown > kShown) continue;
      const bool named = problem.message.starts_with(problem.file);
      lines += "  " + (named ? "" : problem.file + ": ") + problem.message + "\n";
    }
    text += std::to_string(count) + " " + (count == 1 ? advice.title_of_one : advice.title) + "\n" + lines;
    if (count > kShown) text += "  ... and " + std::to_string(count - kShown) + " more\n";
    text += std::string("  -> ") + advice.what_to_do + "\n";
    if (advice.kind != ProblemKind::unknown_label_id) continue;
    for (const std::string& hint : report.hints) text += "  -> " + hint + "\n";
  }
  return text;
}

}  // namespace graphrun::datasets
