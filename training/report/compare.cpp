#include "training/report/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "runtime/core/guard.h"
#include "training/report/evaluation_facts.h"
#include "training/report/fact_table.h"
#include "training/report/run_facts.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNone = "-";

struct ScoredEvaluation {
  std::string checkpoint;
  std::vector<std::pair<std::string, double>> scores;  // mIoU, mAcc, aAcc, then the IoU of each class
};

struct Facts {
  std::string name;
  RunFacts run;
  std::map<std::string, std::string> settings;          // with data set and precision
  std::map<std::string, ScoredEvaluation> evaluations;  // by "SPLIT/PROTOCOL", the newest of each
};

Result<ScoredEvaluation> read_scores(const EvaluationFolder& place) {
  GRAPHRUN_ASSIGN(const EvaluationFacts facts, read_evaluation_facts(place.folder / "metrics.json"));
  ScoredEvaluation evaluation{place.checkpoint, {}};
  for (const char* name : {"mIoU", "mAcc", "aAcc"}) {
    if (const auto value = facts.score(name)) evaluation.scores.emplace_back(name, *value);
  }
  for (std::size_t c = 0; c < facts.classes.size(); ++c) {
    if (const auto iou = facts.score(c, "iou"))
      evaluation.scores.emplace_back("iou " + facts.classes[c].name, *iou);
  }
  return evaluation;
}

Result<Facts> read_facts(const fs::path& folder) {
  Facts facts;
  facts.name = folder.lexically_normal().string();
  GRAPHRUN_ASSIGN(facts.run, read_run_facts(folder));
  for (const auto& [name, setting] : facts.run.settings) facts.settings[name] = setting.value;
  facts.settings["(data set)"] = facts.run.record.dataset;
  facts.settings["(precision)"] = facts.run.record.precision;
  // The newest come first.
  for (const EvaluationFolder& place : facts.run.evaluations) {
    const std::string key = place.split + "/" + place.protocol;
    if (facts.evaluations.contains(key)) continue;
    GRAPHRUN_ASSIGN(facts.evaluations[key], read_scores(place));
  }
  return facts;
}

std::optional<double> score_of(const Facts& facts, const std::string& evaluation, const std::string& name) {
  const auto found = facts.evaluations.find(evaluation);
  if (found == facts.evaluations.end()) return std::nullopt;
  const auto& all = found->second.scores;
  const auto score = std::ranges::find(all, name, &std::pair<std::string, double>::first);
  return score == all.end() ? std::nullopt : std::optional(score->second);
}

// Builds the whole table; csv has differences in columns of their own.
class Comparison {
 public:
  Comparison(const std::vector<Facts>& runs, bool csv) : runs_(runs), csv_(csv) {
    std::vector<std::string> head{""};
    for (const Facts& run : runs) head.push_back(run.name);
    for (std::size_t i = 1; i < runs.size() && csv; ++i) head.push_back("difference of " + runs[i].name);
    table_.push_back(std::move(head));
  }

  void title(const std::string& text) { table_.push_back({text}); }
  // A row of what `cell` gives for each run, where any has it.
  void texts(const std::string& title, const std::function<std::string(const Facts&)>& cell,
             bool only_differing = false) {
    std::vector<std::string> row{title};
    for (const Facts& run : runs_) row.push_back(cell(run));
    const bool same =
        std::all_of(row.begin() + 1, row.end(), [&](const std::string& text) { return text == row[1]; });
    if (!same || (!only_differing && row[1] != kNone)) table_.push_back(std::move(row));
  }
  // Adds a row of numbers, with what later runs have more or less than the first.
  void numbers(const std::string& title, int digits,
               const std::function<std::optional<double>(const Facts&)>& cell) {
    std::vector<std::string> row{title};
    std::vector<std::string> differences;
    const std::optional<double> first = cell(runs_[0]);
    bool any = false;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      const std::optional<double> value = cell(runs_[i]);
      any = any || value;
      std::string difference;
      if (i > 0 && value && first && *value != *first)
        difference = fmt::format("{:+.{}f}", *value - *first, digits);
      row.push_back(value ? fmt::format("{:.{}f}", *value, digits) : kNone);
      if (csv_ && i > 0) differences.push_back(difference);
      if (!csv_ && !difference.empty()) row.back() += " (" + difference + ")";
    }
    if (!any) return;
    row.insert(row.end(), differences.begin(), differences.end());
    table_.push_back(std::move(row));
  }
  const FactTable& table() const { return table_; }

 private:
  const std::vector<Facts>& runs_;
  bool csv_;
  FactTable table_;
};

void add_settings(const std::vector<Facts>& runs, Comparison& comparison) {
  std::set<std::string> names;
  for (const Facts& run : runs) {
    for (const auto& [name, value] : run.settings) names.insert(name);
  }
  comparison.title("settings that differ");
  for (const std::string& name : names) {
    comparison.texts(
        "  " + name,
        [&](const Facts& run) {
          const auto found = run.settings.find(name);
          return found == run.settings.end() ? kNone : found->second;
        },
        true);
  }
}

template <class Get>
std::optional<double> last_of(const Facts& facts, const Get& get) {
  std::optional<double> last;
  for (const EpochFact& epoch : facts.run.epochs) {
    if (const std::optional<double> value = get(epoch)) last = value;
  }
  return last;
}

void add_course(Comparison& comparison) {
  comparison.title("training");
  using Value = std::optional<double>;
  const auto add = [&](const char* title, int digits, const auto& get) {
    comparison.numbers(std::string("  ") + title, digits,
                       [&](const Facts& run) { return last_of(run, get); });
  };
  add("epochs", 0, [](const EpochFact& e) { return Value(e.epoch); });
  add("iterations", 0, [](const EpochFact& e) { return Value(e.iteration); });
  add("main loss, last epoch", 4, [](const EpochFact& e) { return e.train_loss; });
  add("mIoU_train, last epoch", 4, [](const EpochFact& e) { return e.train_iou; });
  add("loss_val, last", 4, [](const EpochFact& e) { return e.val_loss; });
  add("mIoU_val, last", 4, [](const EpochFact& e) { return e.val_iou; });
  comparison.texts("  mIoU_val, best", [](const Facts& run) {
    const std::optional<EpochFact> best = run.run.best();
    return best ? fmt::format("{:.4f} (epoch {:.0f})", *best->val_iou, best->epoch) : kNone;
  });
}

// Names of the scores of each evaluation that any run has, in the order of the first run that has them.
std::map<std::string, std::vector<std::string>> scores_by_evaluation(const std::vector<Facts>& runs) {
  std::map<std::string, std::vector<std::string>> names;
  for (const Facts& run : runs) {
    for (const auto& [key, evaluation] : run.evaluations) {
      std::vector<std::string>& known = names[key];
      for (const auto& [name, value] : evaluation.scores) {
        if (std::ranges::find(known, name) == known.end()) known.push_back(name);
      }
    }
  }
  return names;
}

void add_evaluations(const std::vector<Facts>& runs, Comparison& comparison) {
  for (const auto& [key, names] : scores_by_evaluation(runs)) {
    comparison.texts("evaluation " + key, [&key = key](const Facts& run) {
      const auto found = run.evaluations.find(key);
      return found == run.evaluations.end() ? kNone : found->second.checkpoint;
    });
    for (const std::string& name : names)
      comparison.numbers("  " + name, 4,
                         [&, &key = key](const Facts& run) { return score_of(run, key, name); });
  }
}

Result<std::string> drawn(const std::vector<Facts>& runs) {
  const auto all = scores_by_evaluation(runs);
  const auto count = [&](const std::string& key) {
    return std::ranges::count_if(runs, [&](const Facts& run) { return run.evaluations.contains(key); });
  };
  const auto most = std::ranges::max_element(all, {}, [&](const auto& entry) { return count(entry.first); });
  if (most == all.end())
    return Status(ErrorCode::not_found,
                  "none of these runs has been evaluated: grun eval, then --svg draws them");
  std::vector<BarGroup> groups;
  for (const std::string& name : most->second) {
    BarGroup& group = groups.emplace_back(BarGroup{name.starts_with("iou ") ? name.substr(4) : name, {}});
    for (const Facts& run : runs)
      group.values.push_back(score_of(run, most->first, name).value_or(std::nan("")));
  }
  std::vector<std::string> names(runs.size());
  std::ranges::transform(runs, names.begin(), &Facts::name);
  return bars_svg("Scores and IoU by class, " + most->first, names, groups);
}

}  // namespace

Result<std::string> compare_runs(std::span<const fs::path> folders, CompareForm form) try {
  if (folders.size() < 2) return Status(ErrorCode::usage, "two runs or more are compared");
  std::vector<Facts> runs;
  for (const fs::path& folder : folders) {
    GRAPHRUN_ASSIGN(Facts facts, read_facts(folder));
    runs.push_back(std::move(facts));
  }
  if (form == CompareForm::svg) return drawn(runs);
  Comparison comparison(runs, form == CompareForm::csv);
  add_settings(runs, comparison);
  add_course(comparison);
  add_evaluations(runs, comparison);
  return form == CompareForm::csv ? comma_separated(comparison.table()) : aligned(comparison.table());
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
