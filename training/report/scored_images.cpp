#include "training/report/scored_images.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <map>
#include <numeric>
#include <set>
#include <system_error>

#include "datasets/image_io.h"
#include "runtime/cpu/processors.h"
#include "training/evaluation/metrics.h"
#include "training/evaluation/per_image.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

std::optional<double> mean_confidence(const fs::path& results, const std::string& name) {
  const fs::path file = results / "confidence" / (name + ".png");
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  const Result<datasets::LabelImage> image = datasets::read_label(file);
  if (!image.ok() || image->ids.empty()) return std::nullopt;
  const double sum = std::accumulate(image->ids.begin(), image->ids.end(), 0.0);
  return sum / static_cast<double>(image->ids.size()) / 65535;
}

std::optional<ImageScore> score_image(const datasets::Dataset& data, const fs::path& results, int classes,
                                      std::int64_t index) {
  const Result<imaging::LabelMap> map = read_label_map(results, data.name(index));
  if (!map.ok()) return std::nullopt;
  const Result<imaging::LabelMap> label = data.load_label(index);
  if (!label.ok() || label->height != map->height || label->width != map->width) return std::nullopt;
  ConfusionMatrix confusion(classes);
  confusion.add(map->ids, label->ids, imaging::kIgnoredClass);
  const Metrics metrics = confusion.metrics();
  ImageScore score{index, 0, metrics.accuracy, mean_confidence(results, data.name(index))};
  int present = 0;
  for (const ClassMetrics& scores : metrics.classes) {
    if (scores.union_ == 0) continue;
    ++present;
    score.iou += scores.iou;
  }
  if (present == 0) return std::nullopt;
  score.iou /= present;
  return score;
}

// From per_image.csv, which an evaluation writes since it counts images apart; nothing where it is not there
// or is of another data set.
std::vector<ImageScore> recorded_scores(const datasets::Dataset& data, const fs::path& results, int classes) {
  const Result<ImageNamesAndCounts> images = read_per_image(results / "per_image.csv");
  if (!images.ok() || images->counts.classes() != classes) return {};
  std::map<std::string, std::int64_t> rows;
  for (std::size_t i = 0; i < images->names.size(); ++i)
    rows[images->names[i]] = static_cast<std::int64_t>(i);
  std::vector<ImageScore> scores;
  for (std::int64_t index = 0; index < data.size(); ++index) {
    const auto found = rows.find(data.name(index));
    if (found == rows.end()) continue;
    const auto row = images->counts.row(found->second);
    const auto sum = [](std::span<const std::int64_t> counts) {
      return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
    };
    const std::int64_t correct = sum(row.intersections);
    // A labelled pixel is in one union where it is right, else in two.
    const std::int64_t pixels = (sum(row.unions) + correct) / 2;
    if (pixels == 0) continue;
    const double confidence = images->confidences[static_cast<std::size_t>(found->second)];
    scores.push_back(
        {index, mean_iou_present(row.intersections, row.unions), iou_of(correct, pixels),
         std::isfinite(confidence) ? std::optional(confidence) : mean_confidence(results, data.name(index))});
  }
  return scores;
}

}  // namespace

Result<imaging::LabelMap> read_label_map(const fs::path& results, const std::string& name) {
  GRAPHRUN_ASSIGN(datasets::LabelImage image, datasets::read_label(results / "gray" / (name + ".png")));
  return imaging::LabelMap{image.height, image.width, std::move(image.ids)};
}

std::vector<ImageScore> score_images(const datasets::Dataset& data, const fs::path& results, int classes) {
  if (std::vector<ImageScore> recorded = recorded_scores(data, results, classes); !recorded.empty())
    return recorded;
  std::vector<std::optional<ImageScore>> scores(static_cast<std::size_t>(data.size()));
  std::atomic<std::int64_t> next = 0;
  const auto work = [&] {
    for (std::int64_t i = next++; i < data.size(); i = next++)
      scores[static_cast<std::size_t>(i)] = score_image(data, results, classes, i);
  };
  std::vector<std::future<void>> others;
  for (int i = 1; i < cpu::usable_processors(); ++i)
    others.push_back(std::async(std::launch::async | std::launch::deferred, work));
  work();
  for (std::future<void>& other : others) other.get();
  std::vector<ImageScore> known;
  for (const std::optional<ImageScore>& score : scores) {
    if (score) known.push_back(*score);
  }
  return known;
}

ChosenImages choose_images(std::vector<ImageScore> scores) {
  constexpr std::size_t kWorst = 6;
  constexpr std::size_t kOthers = 4;
  ChosenImages chosen;
  std::set<std::int64_t> taken;
  const auto take = [&](std::vector<ImageScore>& into, std::size_t most, const auto& is_fit) {
    for (const ImageScore& score : scores) {
      if (into.size() < most && is_fit(score) && taken.insert(score.index).second) into.push_back(score);
    }
  };
  const auto any = [](const ImageScore&) { return true; };
  std::ranges::stable_sort(scores, {}, &ImageScore::iou);
  take(chosen.worst, std::min(kWorst, (scores.size() + 1) / 2), any);
  std::ranges::reverse(scores);
  take(chosen.best, std::min(kOthers, scores.size() / 2), any);
  std::ranges::stable_sort(scores, {}, [](const ImageScore& s) { return s.confidence.value_or(2); });
  take(chosen.least_certain, kOthers, [](const ImageScore& s) { return s.confidence.has_value(); });
  return chosen;
}

}  // namespace graphrun::training
