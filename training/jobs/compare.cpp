#include "training/jobs/compare.h"

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/core/file.h"
#include "runtime/core/guard.h"
#include "runtime/core/printable.h"
#include "training/checkpoint.h"
#include "training/run/evaluations.h"
#include "training/run/run_folder.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;
using Json = rapidjson::Value;

constexpr std::int64_t kMaxBytes = std::int64_t{1} << 28;
constexpr std::string_view kNone = "-";

// One cell a run; the title comes first.
using Row = std::vector<std::string>;

struct Evaluation {
  std::string checkpoint;
  fs::file_time_type time;
  std::vector<std::pair<std::string, double>> scores;  // mIoU, mAcc, aAcc, then the IoU of each class
};

struct Facts {
  std::map<std::string, std::string> settings;    // but for those that are nobody's choice
  std::map<std::string, std::string> course;      // by title
  std::map<std::string, Evaluation> evaluations;  // by "SPLIT/PROTOCOL", the newest of each
};

Result<rapidjson::Document> read_object(const fs::path& path) {
  GRAPHRUN_ASSIGN(const std::string text, core::read_file(path, kMaxBytes));
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  if (document.HasParseError() || !document.IsObject())
    return Status(ErrorCode::invalid_file, path.string() + ": expected a JSON object");
  return document;
}

std::optional<double> number_of(const Json& object, const char* name) {
  const auto found = object.FindMember(name);
  if (found == object.MemberEnd() || !found->value.IsNumber()) return std::nullopt;
  return found->value.GetDouble();
}

std::string text_of(const Json& value) {
  if (value.IsString()) return value.GetString();
  if (value.IsBool()) return value.GetBool() ? "true" : "false";
  if (value.IsNumber()) return fmt::format("{}", value.GetDouble());
  if (!value.IsArray()) return std::string(kNone);
  std::string list;
  for (const Json& item : value.GetArray()) {
    if (item.IsNumber()) list += fmt::format("{}{}", list.empty() ? "" : ",", item.GetDouble());
  }
  return list;
}

Status read_settings(const fs::path& folder, Facts& facts) {
  GRAPHRUN_ASSIGN(const rapidjson::Document config, read_object(folder / "config.json"));
  for (const auto& member : config.GetObject()) {
    const bool recorded = member.value.IsObject() && member.value.HasMember("value");
    facts.settings[member.name.GetString()] = text_of(recorded ? member.value["value"] : member.value);
  }
  return {};
}

// The epochs' lines, of which the last may have been cut off.
Status read_epochs(const fs::path& folder, Facts& facts) {
  std::error_code ignored;
  if (!fs::exists(folder / "epochs.jsonl", ignored)) return {};
  GRAPHRUN_ASSIGN(const std::string text, core::read_file(folder / "epochs.jsonl", kMaxBytes));
  std::optional<double> best;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    rapidjson::Document line;
    line.Parse<rapidjson::kParseIterativeFlag>(text.data() + at, end - at);
    at = end + 1;
    if (line.HasParseError() || !line.IsObject()) continue;
    const auto epoch = number_of(line, "epoch");
    const auto set = [&](const char* title, const char* name, const char* format) {
      if (const auto value = number_of(line, name))
        facts.course[title] = fmt::format(fmt::runtime(format), *value);
    };
    set("epochs", "epoch", "{:.0f}");
    set("iterations", "iter", "{:.0f}");
    set("main loss, last epoch", "loss_train", "{:.4f}");
    set("mIoU_train, last epoch", "mIoU_train", "{:.4f}");
    set("loss_val, last", "loss_val", "{:.4f}");
    set("mIoU_val, last", "mIoU_val", "{:.4f}");
    const auto score = number_of(line, "mIoU_val");
    if (!score || !epoch || (best && *score <= *best)) continue;
    best = score;
    facts.course["mIoU_val, best"] = fmt::format("{:.4f} (epoch {:.0f})", *score, *epoch);
  }
  return {};
}

Result<Evaluation> read_evaluation(const fs::path& file) {
  GRAPHRUN_ASSIGN(const rapidjson::Document document, read_object(file));
  Evaluation evaluation;
  for (const char* name : {"mIoU", "mAcc", "aAcc"}) {
    if (const auto value = number_of(document, name)) evaluation.scores.emplace_back(name, *value);
  }
  const auto classes = document.FindMember("per_class");
  if (classes == document.MemberEnd() || !classes->value.IsArray()) return evaluation;
  for (const Json& item : classes->value.GetArray()) {
    if (!item.IsObject()) continue;
    const auto name = item.FindMember("name");
    const auto iou = number_of(item, "iou");
    if (iou && name != item.MemberEnd() && name->value.IsString())
      evaluation.scores.emplace_back(std::string("iou ") + name->value.GetString(), *iou);
  }
  return evaluation;
}

Status read_evaluations(const fs::path& folder, Facts& facts) {
  for (const EvaluationFolder& found : find_evaluations(folder)) {
    GRAPHRUN_ASSIGN(Evaluation evaluation, read_evaluation(found.folder / "metrics.json"));
    evaluation.time = found.time;
    evaluation.checkpoint = found.checkpoint;
    const auto [known, fresh] = facts.evaluations.emplace(found.split + "/" + found.protocol, evaluation);
    if (!fresh && known->second.time < evaluation.time) known->second = std::move(evaluation);
  }
  return {};
}

Result<Facts> read_run(const fs::path& folder) {
  Facts facts;
  GRAPHRUN_ASSIGN(const RunRecord record, read_run_record(folder));
  GRAPHRUN_TRY(read_settings(folder, facts));
  facts.settings["(data set)"] = record.dataset;
  facts.settings["(precision)"] = record.precision;
  GRAPHRUN_TRY(read_epochs(folder, facts));
  GRAPHRUN_TRY(read_evaluations(folder, facts));
  return facts;
}

class Table {
 public:
  explicit Table(const std::vector<Facts>& runs) : runs_(runs) {}

  // Names and values are those of files: they are shown without control characters.
  void add(Row row) {
    for (std::string& cell : row) cell = core::printable(cell);
    rows_.push_back(std::move(row));
  }
  // A row of what `cell` gives for each run, where any has it.
  template <class Cell>
  void add(const std::string& title, const Cell& cell, bool only_differing = false) {
    Row row{title};
    for (const Facts& run : runs_) row.push_back(cell(run));
    const auto is = [&](const std::string& text) { return text == row[1]; };
    const bool same = std::all_of(row.begin() + 1, row.end(), is);
    if (same && (only_differing || row[1] == kNone)) return;
    add(std::move(row));
  }

  std::string text() const {
    std::vector<std::size_t> widths(runs_.size() + 1);
    for (const Row& row : rows_) {
      for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
    }
    std::string text;
    for (const Row& row : rows_) {
      std::string line;
      for (std::size_t c = 0; c < row.size(); ++c) line += fmt::format("{:<{}}  ", row[c], widths[c]);
      text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    }
    return text;
  }

 private:
  const std::vector<Facts>& runs_;
  std::vector<Row> rows_;
};

std::string found_in(const std::map<std::string, std::string>& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? std::string(kNone) : found->second;
}

void add_settings(const std::vector<Facts>& runs, Table& table) {
  std::set<std::string> names;
  for (const Facts& run : runs) {
    for (const auto& [name, value] : run.settings) names.insert(name);
  }
  table.add(Row{"settings that differ"});
  for (const std::string& name : names)
    table.add(
        "  " + name, [&](const Facts& run) { return found_in(run.settings, name); }, true);
}

void add_course(Table& table) {
  table.add(Row{"training"});
  for (const char* title : {"epochs", "iterations", "main loss, last epoch", "mIoU_train, last epoch",
                            "loss_val, last", "mIoU_val, last", "mIoU_val, best"})
    table.add(std::string("  ") + title, [&](const Facts& run) { return found_in(run.course, title); });
}

void add_evaluations(const std::vector<Facts>& runs, Table& table) {
  std::map<std::string, std::vector<std::string>>
      scores;  // of an evaluation, in the order of the first run's
  for (const Facts& run : runs) {
    for (const auto& [key, evaluation] : run.evaluations) {
      std::vector<std::string>& names = scores[key];
      for (const auto& [name, value] : evaluation.scores) {
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
      }
    }
  }
  for (const auto& entry : scores) {
    const std::string& key = entry.first;
    table.add("evaluation " + key, [&](const Facts& run) {
      const auto found = run.evaluations.find(key);
      return found == run.evaluations.end() ? std::string(kNone) : found->second.checkpoint;
    });
    for (const std::string& name : entry.second) {
      table.add("  " + name, [&](const Facts& run) {
        const auto found = run.evaluations.find(key);
        if (found == run.evaluations.end()) return std::string(kNone);
        const auto& all = found->second.scores;
        const auto score = std::ranges::find(all, name, &std::pair<std::string, double>::first);
        return score == all.end() ? std::string(kNone) : fmt::format("{:.4f}", score->second);
      });
    }
  }
}

}  // namespace

Result<std::string> compare_runs(std::span<const fs::path> folders) try {
  if (folders.size() < 2) return Status(ErrorCode::usage, "two runs or more are compared");
  std::vector<Facts> runs;
  Row head{""};
  for (const fs::path& folder : folders) {
    GRAPHRUN_ASSIGN(Facts facts, read_run(folder));
    runs.push_back(std::move(facts));
    head.push_back(folder.lexically_normal().string());
  }
  Table table(runs);
  table.add(std::move(head));
  add_settings(runs, table);
  add_course(table);
  add_evaluations(runs, table);
  return table.text();
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
