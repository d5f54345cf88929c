#include <cmath>

#include "datasets/check_counts.h"

namespace graphrun::datasets {

namespace {

std::string joined(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i == 0 ? "" : ", ") + names[i];
  return names.size() > kShown ? text + ", ..." : text;
}

std::string number_of(std::int64_t count, const char* one, const char* several) {
  return std::to_string(count) + " " + (count == 1 ? one : several);
}

}  // namespace

std::vector<std::string> label_hints(const Descriptor& descriptor, const Counts& counts) {
  const auto& unknown = counts.unknown;
  std::vector<std::string> hints;
  if (unknown.empty()) return hints;
  if (descriptor.labels.form() == LabelForm::colors) {
    if (unknown.contains(kIsColor)) hints.push_back("black is void in many masks: \"ignore\": [[0, 0, 0]]");
    if (unknown.size() > 2 * descriptor.classes.size() + 8)
      hints.push_back(
          "so many colours are of smoothed edges or of compression with loss: export masks as PNG "
          "without smoothing");
    return hints;
  }
  const auto classes = static_cast<int>(descriptor.classes.size());
  const LabelRule& rule = descriptor.labels;
  const bool only_255 = unknown.size() == 1 && unknown.contains(255);
  if (only_255) {
    hints.push_back("255 is void in many data sets: add it to \"ignore\"");
    if (rule.class_of(0) == imaging::kIgnoredClass) {
      hints.push_back("the ids may be class ids already, from 0: then the rule is {\"identity\": " +
                      std::to_string(classes) + ", \"ignore\": [255]}");
    }
  }
  if (unknown.size() == 1 && unknown.contains(static_cast<std::uint32_t>(classes)) && rule.class_of(0) == 0) {
    hints.push_back("the id after the last class is void in some data sets: add " + std::to_string(classes) +
                    " to \"ignore\"; where 0 is void instead, the rule is {\"offset\": -1, \"ignore\": [0]}");
  }
  // A palette turned to grey has the brightness of its colours (ITU-R BT.601) in the place of indices.
  const auto gray = [](const imaging::Color& c) {
    return std::lround(0.299 * c.r + 0.587 * c.g + 0.114 * c.b);
  };
  const auto is_gray_of_class = [&](const auto& entry) {
    return std::any_of(descriptor.classes.begin(), descriptor.classes.end(),
                       [&](const ClassInfo& info) { return gray(info.color) == entry.first; });
  };
  const auto grays = std::count_if(unknown.begin(), unknown.end(), is_gray_of_class);
  if (unknown.size() >= 2 && 2 * static_cast<std::size_t>(grays) > unknown.size()) {
    hints.push_back(
        "most of them are grey values of class colours: a palette was converted to grey; take the palette "
        "files");
  }
  return hints;
}

std::vector<std::string> check_notes(const Descriptor& descriptor, const Counts& counts) {
  std::vector<std::string> notes;
  const auto& classes = descriptor.classes;
  if (counts.turned > 0) {
    notes.push_back(number_of(counts.turned, "image is", "images are") +
                    " turned or mirrored as the EXIF orientation says, first " + counts.first_turned.file +
                    "; labels are taken as they are stored");
  }
  for (std::size_t i = 0; i < classes.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (classes[i].color != classes[k].color) continue;
      notes.push_back("classes " + std::to_string(k) + " '" + classes[k].name + "' and " + std::to_string(i) +
                      " '" + classes[i].name + "' have one colour: they look alike in pictures");
    }
  }
  if (counts.labels == 0) return notes;
  std::vector<std::string> absent;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    if (counts.per_class[c].pixels == 0) absent.push_back(classes[c].name);
  }
  if (!absent.empty()) {
    const bool all = counts.found.count(ProblemKind::label_unreadable) == 0 &&
                     counts.found.count(ProblemKind::label_form) == 0;
    notes.push_back(
        number_of(std::ssize(absent), "class does not occur", "classes do not occur") +
        (all ? "" : " in the labels that could be read") +
        (absent.size() == 1 ? ", and counts 0 in the mean IoU: " : ", and count 0 in the mean IoU: ") +
        joined(absent));
  }
  if (counts.void_labels > 0) {
    notes.push_back(number_of(counts.void_labels, "label has no labelled pixel and teaches nothing, first ",
                              "labels have no labelled pixel and teach nothing, first ") +
                    counts.first_void.file);
  }
  return notes;
}

std::vector<std::string> poor_label_notes(const Descriptor& descriptor, const Counts& counts) {
  std::vector<std::string> notes;
  const auto& classes = descriptor.classes;
  std::vector<std::string> present;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    if (counts.per_class[c].pixels > 0) present.push_back(classes[c].name);
  }
  const std::string of_labels = "of " + number_of(counts.labels, "label", "labels");
  if (classes.size() == 1) {
    notes.push_back("the data set has one class, '" + classes[0].name +
                    "': a network has nothing to tell apart and is right everywhere; give the background a "
                    "class of its own");
  } else if (present.empty() && counts.unknown.empty()) {
    notes.push_back("no pixel " + of_labels + " is of a class: nothing can be learnt from them");
  } else if (present.size() == 1 && counts.unknown.empty()) {
    notes.push_back("all labelled pixels " + of_labels + " are of one class, '" + present[0] +
                    "': nothing to tell apart can be learnt from them");
  }
  const auto& ids = counts.pixels_of_ids;
  const bool mask = ids.size() == 2 && ids.contains(0) && ids.contains(255);
  if (mask && descriptor.labels.class_of(255).value_or(imaging::kIgnoredClass) == imaging::kIgnoredClass) {
    notes.push_back(
        "the labels hold 0 and 255 alone, as masks of one object do; where 255 is the object, the "
        "rule is {\"map\": {\"0\": 0, \"255\": 1}}");
  }
  return notes;
}

}  // namespace graphrun::datasets
