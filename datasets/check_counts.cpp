#include "datasets/check_counts.h"

#include <algorithm>

#include "datasets/color.h"

namespace graphrun::datasets {

namespace {

void count_unknown(const LabelImage& label, const LabelRule& rule, std::uint16_t id, std::int64_t pixels,
                   const Place& place, Counts& counts) {
  Unknown entry{name_of_id(label, rule.form(), id), pixels, 1, place};
  const auto first = std::find(label.ids.begin(), label.ids.end(), id) - label.ids.begin();
  entry.first.row = first / label.width;
  entry.first.column = first % label.width;
  const bool color = rule.form() == LabelForm::colors;
  counts.unknown[color ? packed(label.palette[id]) | kIsColor : id].merge(entry);
}

}  // namespace

void count_ids(const LabelImage& label, const LabelRule& rule, std::int64_t sample, const std::string& file,
               Counts& counts) {
  std::fill(counts.histogram.begin(), counts.histogram.end(), 0);
  for (const std::uint16_t id : label.ids) ++counts.histogram[id];
  const Place place{sample, 0, 0, file};
  const std::vector<std::int32_t> table = rule.table_of(label);
  std::vector<std::int64_t> pixels(counts.per_class.size());
  std::int64_t labelled = 0;
  for (std::size_t id = 0; id < counts.histogram.size(); ++id) {
    const std::int64_t count = counts.histogram[id];
    if (count == 0) continue;
    if (rule.form() == LabelForm::ids) counts.pixels_of_ids[static_cast<std::uint16_t>(id)] += count;
    const std::int32_t class_id = id < table.size() ? table[id] : -1;
    if (class_id < 0) {
      count_unknown(label, rule, static_cast<std::uint16_t>(id), count, place, counts);
    } else if (class_id == imaging::kIgnoredClass) {
      counts.ignored += count;
    } else {
      pixels[static_cast<std::size_t>(class_id)] += count;
      labelled += count;
    }
  }
  for (std::size_t c = 0; c < pixels.size(); ++c) {
    if (pixels[c] == 0) continue;
    counts.per_class[c].pixels += pixels[c];
    counts.per_class[c].images += 1;
    counts.per_class[c].image_pixels += labelled;
  }
  if (labelled > 0) return;
  ++counts.void_labels;
  if (sample < counts.first_void.sample) counts.first_void = place;
}

}  // namespace graphrun::datasets
