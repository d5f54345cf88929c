#include <algorithm>

#include "datasets/check.h"
#include "datasets/check_counts.h"
#include "datasets/dataset.h"
#include "datasets/image_io.h"
#include "runtime/core/guard.h"

namespace graphrun::datasets {

Result<std::vector<DataNote>> look_before_training(
    const Descriptor& descriptor, const std::string& split,
    const std::optional<std::filesystem::path>& data_root) try {
  constexpr std::size_t kLabels = 16;
  std::vector<DataNote> notes;
  if (descriptor.generator) return notes;
  GRAPHRUN_ASSIGN(const SplitFiles files, find_split_files(descriptor, split, data_root));
  GRAPHRUN_ASSIGN(const std::vector<Unlisted> unlisted, find_unlisted(files));
  for (const Unlisted& kind : unlisted) notes.push_back({false, describe(kind)});
  if (!files.labelled) return notes;
  Counts counts(descriptor.classes.size());
  const std::size_t step = std::max<std::size_t>(files.samples.size() / kLabels, 1);
  for (std::size_t i = 0; i < files.samples.size(); i += step) {
    const std::filesystem::path& file = files.samples[i].label;
    const LabelRule& rule = label_rule(descriptor, file);
    const auto label = read_label(file, rule.form());
    if (!label.ok()) continue;  // training names it when it comes to it
    count_ids(*label, rule, static_cast<std::int64_t>(i), file.string(), counts);
    ++counts.labels;
  }
  if (counts.labels == 0) return notes;
  for (std::string& note : poor_label_notes(descriptor, counts)) notes.push_back({true, std::move(note)});
  return notes;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::datasets
