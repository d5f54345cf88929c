#include "training/report/run_facts.h"

#include <algorithm>
#include <limits>
#include <system_error>

#include "training/report/json_object.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

Status read_settings(RunFacts& facts) {
  GRAPHRUN_ASSIGN(const rapidjson::Document config, read_json_object(facts.folder / "config.json"));
  for (const auto& member : config.GetObject()) {
    const rapidjson::Value* const recorded = member_of(member.value, "value");
    facts.settings[member.name.GetString()] = {text_of(recorded != nullptr ? *recorded : member.value),
                                               string_of(member.value, "from")};
  }
  return {};
}

Status read_epochs(RunFacts& facts) {
  return read_json_lines(facts.folder / "epochs.jsonl", [&](const rapidjson::Value& line) {
    const std::optional<double> epoch = number_of(line, "epoch");
    if (!epoch) return;
    facts.epochs.push_back({*epoch, number_of(line, "iter").value_or(0), number_of(line, "loss_train"),
                            number_of(line, "mIoU_train"), number_of(line, "loss_val"),
                            number_of(line, "mIoU_val")});
  });
}

}  // namespace

std::optional<EpochFact> RunFacts::best() const {
  std::optional<EpochFact> best;
  for (const EpochFact& epoch : epochs) {
    if (epoch.val_iou && (!best || *epoch.val_iou > *best->val_iou)) best = epoch;
  }
  return best;
}

std::string RunFacts::network() const {
  if (!record.origin.network.empty()) return record.origin.network;
  // Earlier builds kept it as the source of settings alone.
  constexpr std::string_view kModel = "model ";
  for (const auto& [name, setting] : settings) {
    if (setting.source.starts_with(kModel)) return setting.source.substr(kModel.size());
  }
  return {};
}

std::string RunFacts::dataset() const {
  const fs::path path = record.dataset;
  if (!path.has_parent_path()) return record.dataset;
  return path.stem() == "dataset" ? path.parent_path().filename().string() : path.stem().string();
}

Result<RunFacts> read_run_facts(const fs::path& folder) {
  RunFacts facts;
  facts.folder = folder;
  GRAPHRUN_ASSIGN(facts.record, read_run_record(folder));
  GRAPHRUN_TRY(read_settings(facts));
  GRAPHRUN_TRY(read_epochs(facts));
  facts.evaluations = find_evaluations(folder);
  std::ranges::sort(facts.evaluations, [](const EvaluationFolder& a, const EvaluationFolder& b) {
    return a.time != b.time ? a.time > b.time : a.folder < b.folder;
  });
  std::error_code ignored;
  for (const char* file : {"run.json", "metrics.jsonl"}) {
    if (fs::exists(folder / file, ignored)) facts.changed = fs::last_write_time(folder / file, ignored);
  }
  return facts;
}

Result<std::vector<StepFact>> read_steps(const fs::path& folder) {
  std::vector<StepFact> steps;
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  GRAPHRUN_TRY(read_json_lines(folder / "metrics.jsonl", [&](const rapidjson::Value& line) {
    const auto value = [&](const char* name) { return number_of(line, name).value_or(kNone); };
    steps.push_back({value("iter"), value("main_loss"), value("lr"), value("data_s"), value("step_s")});
  }));
  return steps;
}

}  // namespace graphrun::training
