#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>
#include <system_error>
#include <vector>

#include "runtime/core/guard.h"
#include "training/checkpoint.h"
#include "training/report/compare.h"
#include "training/report/evaluation_facts.h"
#include "training/report/fact_table.h"
#include "training/report/run_facts.h"
#include "training/run/run_lock.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 5;  // exp/DATASET/MODEL/TIME below any folder of a user's
constexpr std::size_t kMaxEntries = 200000;

// Folders with a run.json; what lies inside a run is not looked at, and links are not followed.
std::vector<fs::path> find_runs(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> runs;
  if (fs::exists(folder / "run.json", error)) return {folder};
  std::size_t seen = 0;
  for (fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied, error),
       end;
       !error && entry != end && ++seen < kMaxEntries; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_symlink(ignored) || !entry->is_directory(ignored)) continue;
    const bool is_run = fs::exists(entry->path() / "run.json", ignored);
    if (is_run) runs.push_back(entry->path());
    if (is_run || entry.depth() >= kMaxDepth) entry.disable_recursion_pending();
  }
  return runs;
}

std::string time_of(fs::file_time_type changed) {
  const auto time = std::chrono::file_clock::to_sys(changed);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(time));
  std::tm parts{};
  char text[32] = "";
  if (localtime_r(&seconds, &parts) != nullptr) std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &parts);
  return text;
}

std::string planned_epochs(const RunFacts& run) {
  const auto found = run.settings.find("epochs");
  return found == run.settings.end() ? "" : found->second.value;
}

std::string state_of(const RunFacts& run) {
  if (!RunLock::check(run.folder).ok()) return "running";
  const std::string planned = planned_epochs(run);
  const double done = run.epochs.empty() ? 0 : run.epochs.back().epoch;
  if (!planned.empty() && done >= std::strtod(planned.c_str(), nullptr)) return "finished";
  return latest_checkpoint(run.folder) ? "stopped" : "no checkpoint";
}

// The best of its evaluations of whole images, which stand beside that of training's centre crops.
std::string best_evaluation(const RunFacts& run) {
  std::optional<double> best;
  for (const EvaluationFolder& place : run.evaluations) {
    const Result<EvaluationFacts> facts = read_evaluation_facts(place.folder / "metrics.json");
    if (!facts.ok()) continue;
    const std::optional<double> score = facts->score("mIoU");
    if (score && (!best || *score > *best)) best = score;
  }
  return best ? fmt::format("{:.4f}", *best) : "-";
}

std::vector<std::string> row_of(const RunFacts& run, const std::string& name) {
  const double done = run.epochs.empty() ? 0 : run.epochs.back().epoch;
  const std::optional<EpochFact> best = run.best();
  const std::string network = run.network();
  return {name,
          network.empty() ? "-" : network,
          run.dataset(),
          fmt::format("{:.0f}/{}", done, planned_epochs(run)),
          best ? fmt::format("{:.4f}", *best->val_iou) : "-",
          best_evaluation(run),
          state_of(run),
          time_of(run.changed)};
}

}  // namespace

Result<std::string> list_runs(const fs::path& folder, bool csv) try {
  struct Listed {
    fs::file_time_type changed;
    std::vector<std::string> row;
  };
  std::vector<Listed> rows;
  for (const fs::path& path : find_runs(folder)) {
    const std::string name = path.lexically_normal().string();
    const Result<RunFacts> run = read_run_facts(path);
    if (run.ok()) {
      rows.push_back({run->changed, row_of(*run, name)});
    } else {
      rows.push_back({{}, {name, "-", "-", "-", "-", "-", "damaged: " + run.status().message()}});
    }
  }
  if (rows.empty())
    return Status(ErrorCode::not_found, folder.string() + ": no run is in this folder or below it");
  std::ranges::stable_sort(rows, {}, &Listed::changed);
  FactTable table{{"run", "network", "data set", "epochs", "best val", "evaluated", "state", "changed"}};
  for (Listed& listed : rows) table.push_back(std::move(listed.row));
  return csv ? comma_separated(table) : aligned(table);
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
