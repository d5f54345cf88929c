#include "training/evaluation/predictions.h"

#include <algorithm>
#include <chrono>
#include <system_error>

#include "datasets/dataset.h"
#include "datasets/image_io.h"
#include "datasets/sample_list.h"
#include "runtime/core/guard.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

// The file names of the labels; empty where they are generated.
Result<std::vector<fs::path>> label_names(const datasets::Descriptor& descriptor, const std::string& split,
                                          const std::optional<fs::path>& data_root) {
  std::vector<fs::path> names;
  if (descriptor.generator) return names;
  GRAPHRUN_ASSIGN(const datasets::SplitFiles files, datasets::find_split_files(descriptor, split, data_root));
  for (const datasets::SamplePath& sample : files.samples) names.push_back(fs::path(sample.label).filename());
  return names;
}

void count_strays(const datasets::LabelImage& image, const fs::path& path, int classes, StrayPixels& strays) {
  const ClassId ignored =
      classes > imaging::kMaxByteClasses ? imaging::kIgnoredClass : ClassId{imaging::kByteIgnored};
  for (std::size_t i = 0; i < image.ids.size(); ++i) {
    const std::uint16_t id = image.ids[i];
    if (id < classes || id == ignored) continue;
    const auto pixel = static_cast<std::int64_t>(i);
    if (strays.count == 0) strays = {0, path, id, pixel / image.width, pixel % image.width};
    ++strays.count;
  }
}

Result<imaging::LabelMap> read_prediction(const fs::path& path, const datasets::LabelRule& rule,
                                          PredictionIds ids, StrayPixels& strays) {
  const bool as_labels = ids == PredictionIds::labels;
  GRAPHRUN_ASSIGN(const datasets::LabelImage image,
                  datasets::read_label(path, as_labels ? rule.form() : datasets::LabelForm::ids));
  if (as_labels) return rule.apply(image).with_context(path.string());
  count_strays(image, path, rule.classes(), strays);
  return imaging::LabelMap{image.height, image.width, image.ids};
}

std::string size_text(const imaging::LabelMap& map) {
  return std::to_string(map.width) + " x " + std::to_string(map.height);
}

}  // namespace

Result<Scoring> score_predictions(const datasets::Descriptor& descriptor, const std::string& split,
                                  const std::optional<fs::path>& data_root,
                                  const datasets::SampleRange& range, const SavedPredictions& saved,
                                  EvalObserver& observer) try {
  using Clock = std::chrono::steady_clock;
  GRAPHRUN_ASSIGN(const std::unique_ptr<datasets::Dataset> all,
                  datasets::open_dataset(descriptor, split, data_root));
  if (!all->labelled()) {
    return {ErrorCode::invalid_argument,
            "split " + split + " of " + descriptor.name + " has no labels to score predictions with"};
  }
  GRAPHRUN_ASSIGN(const std::vector<fs::path> names, label_names(descriptor, split, data_root));
  GRAPHRUN_ASSIGN(const std::unique_ptr<datasets::Subset> data, datasets::Subset::make(*all, range));
  Scoring scoring{Tally(data->size(), static_cast<int>(descriptor.classes.size()), saved.boundaries),
                  data->names(),
                  data->range(),
                  {}};
  for (std::int64_t i = 0; i < data->size(); ++i) {
    const auto start = Clock::now();
    fs::path path = saved.folder / (data->name(i) + ".png");
    if (!names.empty()) {
      std::error_code ignored;
      const fs::path as_label = saved.folder / names[static_cast<std::size_t>(range.first + i)];
      if (fs::exists(as_label, ignored)) path = as_label;
    }
    GRAPHRUN_ASSIGN(const imaging::LabelMap map,
                    read_prediction(path, descriptor.labels, saved.ids, scoring.strays));
    GRAPHRUN_ASSIGN(const imaging::LabelMap label, data->load_label(i));
    if (map.height != label.height || map.width != label.width) {
      return {ErrorCode::invalid_file, path.string() + ": the prediction is " + size_text(map) +
                                           ", the label of " + data->name(i) + " " + size_text(label)};
    }
    scoring.tally.add(i, map, label);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    observer.image(i + 1, data->size(), seconds, &scoring.tally.confusion());
  }
  return scoring;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
