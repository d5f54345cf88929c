#include "training/class_weights.h"

#include <fmt/format.h>

#include <algorithm>

#include "datasets/check.h"

namespace graphrun::training {
namespace {

constexpr const char* kName = "class_weights";

bool are_suggested(const SettingTable& settings) { return settings.json(kName) == "\"suggested\""; }

}  // namespace

Status resolve_class_weights(SettingTable& settings, const datasets::Descriptor& descriptor,
                             const std::optional<std::filesystem::path>& data_root, int threads) {
  if (!are_suggested(settings)) return {};
  GRAPHRUN_ASSIGN(const datasets::CheckReport report,
                  datasets::check_dataset(descriptor, "train", data_root, threads));
  const auto is_seen = [](const datasets::ClassCount& counted) { return counted.pixels > 0; };
  if (std::ranges::none_of(report.classes, is_seen)) {
    return {
        ErrorCode::invalid_argument,
        "class_weights=suggested: no pixel of the split train has a class; grun data check shows which ids "
        "its labels have"};
  }
  std::string list;
  for (const datasets::ClassCount& counted : report.classes)
    list += fmt::format("{}{:.6g}", list.empty() ? "" : ", ", counted.weight);
  return settings.set(kName, "[" + list + "]", settings.source(kName) + ": suggested for the split train");
}

Status require_given_class_weights(const SettingTable& settings) {
  if (!are_suggested(settings)) return {};
  return {ErrorCode::unsupported,
          "class_weights=suggested counts the files of a data set's descriptor: give a list for data of your "
          "own"};
}

Status apply_class_weights(const SettingTable& settings, session::TrainSession& session) {
  if (!settings.has_value(kName)) return {};
  const std::vector<double> list = settings.reals(kName);
  const std::vector<float> weights(list.begin(), list.end());
  return session.set_class_weights(weights);
}

}  // namespace graphrun::training
