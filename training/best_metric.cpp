#include "training/best_metric.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "graphrun/kernel/attributes.h"

namespace graphrun::training {
namespace {

constexpr std::string_view kIou = "iou:", kAccuracy = "acc:";

// By name, else by id.
std::optional<std::size_t> find_class(std::string_view given, std::span<const std::string> classes) {
  const auto named = std::ranges::find(classes, given);
  if (named != classes.end()) return static_cast<std::size_t>(named - classes.begin());
  std::size_t id = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), id);
  if (error != std::errc() || end != given.data() + given.size() || id >= classes.size()) return std::nullopt;
  return id;
}

std::string meant(std::string_view given, std::span<const std::string> classes) {
  std::vector<std::string> names{"loss", "mIoU", "mAcc", "aAcc"};
  for (const std::string& name : classes) {
    names.push_back(std::string(kIou) + name);
    names.push_back(std::string(kAccuracy) + name);
  }
  const auto same = [&](const std::string& name) {
    const auto small = [](unsigned char c) { return std::tolower(c); };
    return std::ranges::equal(name, given, {}, small, small);
  };
  const auto other_case = std::ranges::find_if(names, same);
  if (other_case != names.end()) return "; did you mean " + *other_case + "?";
  const std::string near = nearest_name(given, std::vector<std::string_view>(names.begin(), names.end()));
  return near.empty() ? "" : "; did you mean " + near + "?";
}

}  // namespace

Result<BestMetric> BestMetric::make(std::string_view name, std::span<const std::string> classes) {
  constexpr std::pair<std::string_view, Kind> kWhole[] = {{"loss", Kind::loss},
                                                          {"mIoU", Kind::mean_iou},
                                                          {"mAcc", Kind::mean_accuracy},
                                                          {"aAcc", Kind::accuracy}};
  for (const auto& [known, kind] : kWhole) {
    if (name == known) return BestMetric(name, kind, 0);
  }
  for (const auto& [prefix, kind] : {std::pair{kIou, Kind::class_iou}, {kAccuracy, Kind::class_accuracy}}) {
    if (!name.starts_with(prefix)) continue;
    const auto found = find_class(name.substr(prefix.size()), classes);
    if (found) return BestMetric(name, kind, *found);
  }
  return {ErrorCode::invalid_argument,
          "best_metric=" + std::string(name) +
              ": there is no such metric of a validation; there are loss, mIoU, mAcc, aAcc, and of one class "
              "iou:CLASS and acc:CLASS with its name or id" +
              meant(name, classes)};
}

double BestMetric::value(const ValidationRecord& validation) const {
  const Metrics& scores = validation.scores;
  switch (kind_) {
    case Kind::loss:
      return validation.loss;
    case Kind::mean_iou:
      return scores.mean_iou;
    case Kind::mean_accuracy:
      return scores.mean_accuracy;
    case Kind::accuracy:
      return scores.accuracy;
    case Kind::class_iou:
      return scores.classes[class_id_].iou;
    case Kind::class_accuracy:
      return scores.classes[class_id_].accuracy;
  }
  return 0;
}

bool BestMetric::is_better(double value, double than) const {
  if (std::isnan(than)) return !std::isnan(value);
  return kind_ == Kind::loss ? value < than : value > than;
}

}  // namespace graphrun::training
