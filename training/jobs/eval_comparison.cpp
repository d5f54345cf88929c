#include "training/jobs/eval_comparison.h"

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <map>
#include <system_error>

#include "training/run/evaluations.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCounts = "per_image.csv";

bool has_counts(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / kCounts, ignored);
}

// The newest of a run's, those by the same protocol before others.
Result<fs::path> newest_of(const fs::path& run, const std::string& split, const std::string& protocol) {
  std::vector<EvaluationFolder> found = find_evaluations(run);
  std::erase_if(found,
                [&](const EvaluationFolder& one) { return one.split != split || !has_counts(one.folder); });
  const auto best = std::ranges::max_element(
      found, {}, [&](const EvaluationFolder& one) { return std::pair(one.protocol == protocol, one.time); });
  if (best != found.end()) return best->folder;
  return {
      ErrorCode::not_found,
      fmt::format("--compare {0}: there is no evaluation of split {1} with a {2}; make one with grun eval "
                  "{0} --split {1}",
                  run.string(), split, kCounts)};
}

Result<fs::path> find_folder(const fs::path& other, const std::string& split, const std::string& protocol) {
  std::error_code ignored;
  if (fs::is_directory(other, ignored)) {
    if (has_counts(other)) return other;
    return newest_of(other, split, protocol);
  }
  const fs::path folder = other.has_parent_path() ? other.parent_path() : fs::path(".");
  if (!fs::exists(other, ignored))
    return {ErrorCode::not_found, "--compare " + other.string() + ": no such file"};
  if (has_counts(folder)) return folder;
  return {ErrorCode::not_found,
          fmt::format("--compare {}: there is no {} beside it; earlier versions wrote none: "
                      "evaluate once more",
                      other.string(), kCounts)};
}

const char* verdict(const Difference& difference) {
  if (!difference.is_clear()) return "even";
  return difference.value > 0 ? "won" : "lost";
}

std::string difference_text(const Difference& difference) {
  return fmt::format("{:+.4f} ({:+.4f} to {:+.4f})", difference.value, difference.interval.low,
                     difference.interval.high);
}

}  // namespace

Result<OtherEvaluation> read_other(const fs::path& other, const std::string& split,
                                   const std::string& protocol) {
  OtherEvaluation found;
  GRAPHRUN_ASSIGN(found.folder, find_folder(other, split, protocol));
  GRAPHRUN_ASSIGN(found.images, read_per_image(found.folder / kCounts));
  return found;
}

Result<EvalComparison> compare_evaluations(const Tally& tally, std::span<const std::string> names,
                                           const OtherEvaluation& other) {
  const ImageCounts& counts = tally.images();
  const std::string where = "--compare " + other.folder.string() + ": ";
  if (counts.classes() != other.images.counts.classes()) {
    return {ErrorCode::invalid_argument, fmt::format("{}it has {} classes, this evaluation {}", where,
                                                     other.images.counts.classes(), counts.classes())};
  }
  std::map<std::string_view, std::int64_t> places;
  for (std::size_t i = 0; i < other.images.names.size(); ++i)
    places[other.images.names[i]] = static_cast<std::int64_t>(i);
  ImageCounts same(counts.images(), counts.classes(), false);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = places.find(names[i]);
    if (found == places.end()) return {ErrorCode::invalid_argument, where + "it has no image " + names[i]};
    const auto from = other.images.counts.row(found->second);
    const auto to = same.row(static_cast<std::int64_t>(i));
    std::ranges::copy(from.intersections, to.intersections.begin());
    std::ranges::copy(from.unions, to.unions.begin());
  }
  EvalComparison comparison{other.folder, 0, paired_differences(counts, same)};
  comparison.mean_iou = tally.confusion().metrics().mean_iou - comparison.differences.mean_iou.value;
  return comparison;
}

std::string comparison_json(const EvalComparison& comparison, std::span<const datasets::ClassInfo> classes) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetFormatOptions(rapidjson::kFormatSingleLineArray);
  writer.SetIndent(' ', 2);
  const auto write = [&](const Difference& difference) {
    writer.Key("difference");
    writer.Double(difference.value);
    writer.Key("interval");
    writer.StartArray();
    writer.Double(difference.interval.low);
    writer.Double(difference.interval.high);
    writer.EndArray();
    writer.Key("verdict");
    writer.String(verdict(difference));
  };
  const Difference& mean = comparison.differences.mean_iou;
  writer.StartObject();
  writer.Key("other");
  writer.String(comparison.other.c_str());
  writer.Key("mIoU");
  writer.Double(comparison.mean_iou + mean.value);
  writer.Key("other_mIoU");
  writer.Double(comparison.mean_iou);
  write(mean);
  writer.Key("per_class");
  writer.StartArray();
  for (std::size_t c = 0; c < classes.size(); ++c) {
    writer.StartObject();
    writer.Key("name");
    writer.String(classes[c].name.c_str());
    write(comparison.differences.classes[c]);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string describe(const EvalComparison& comparison, std::span<const datasets::ClassInfo> classes) {
  const Difference& mean = comparison.differences.mean_iou;
  std::string text = fmt::format("against {}, mIoU {:.4f}: {}, {}\n", comparison.other.string(),
                                 comparison.mean_iou, difference_text(mean), verdict(mean));
  for (const std::string_view outcome : {"won", "lost"}) {
    for (std::size_t c = 0; c < classes.size(); ++c) {
      const Difference& of_class = comparison.differences.classes[c];
      if (verdict(of_class) == outcome)
        text += fmt::format("  {:<4} {:<24} iou {}\n", outcome, classes[c].name, difference_text(of_class));
    }
  }
  return text;
}

}  // namespace graphrun::training
