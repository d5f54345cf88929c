#include "training/report/evaluation_facts.h"

#include <algorithm>

#include "runtime/imaging/image.h"
#include "training/report/json_object.h"

namespace graphrun::training {
namespace {

using Json = rapidjson::Value;

void read_classes(const Json& document, EvaluationFacts& facts) {
  const Json* const classes = member_of(document, "per_class");
  if (classes == nullptr || !classes->IsArray()) return;
  for (const Json& item : classes->GetArray()) {
    if (!item.IsObject()) continue;
    for (const auto& member : item.GetObject()) {
      const std::string name = member.name.GetString();
      if (member.value.IsNumber() && std::ranges::find(facts.class_scores, name) == facts.class_scores.end())
        facts.class_scores.push_back(name);
    }
  }
  for (const Json& item : classes->GetArray()) {
    ClassFacts known{string_of(item, "name"), {}};
    for (const std::string& score : facts.class_scores)
      known.scores.push_back(number_of(item, score.c_str()));
    facts.classes.push_back(std::move(known));
  }
}

// Rows of as many numbers as there are classes, or nothing.
void read_confusion(const Json& document, EvaluationFacts& facts) {
  const Json* const rows = member_of(document, "confusion");
  if (rows == nullptr || !rows->IsArray() || rows->Size() < facts.classes.size()) return;
  const std::size_t classes = facts.classes.size();
  std::vector<std::vector<double>> confusion;
  for (std::size_t label = 0; label < classes; ++label) {
    const Json& row = (*rows)[static_cast<rapidjson::SizeType>(label)];
    if (!row.IsArray() || row.Size() < classes) return;
    std::vector<double>& cells = confusion.emplace_back();
    for (std::size_t c = 0; c < classes; ++c) {
      const Json& cell = row[static_cast<rapidjson::SizeType>(c)];
      cells.push_back(cell.IsNumber() ? cell.GetDouble() : 0);
    }
  }
  facts.confusion = std::move(confusion);
}

void read_calibration(const Json& document, EvaluationFacts& facts) {
  const Json* const calibration = member_of(document, "calibration");
  if (calibration == nullptr) return;
  facts.calibration_error = number_of(*calibration, "ece");
  const Json* const table = member_of(*calibration, "bins");
  if (table == nullptr || !table->IsArray()) return;
  for (const Json& bin : table->GetArray()) {
    const auto confidence = number_of(bin, "confidence");
    const auto accuracy = number_of(bin, "accuracy");
    if (!confidence || !accuracy) continue;
    facts.reliability.push_back({*confidence, *accuracy, number_of(bin, "pixels").value_or(0)});
  }
}

void read_interval(const Json& document, EvaluationFacts& facts) {
  const Json* const interval = member_of(document, "mIoU_interval");
  if (interval == nullptr || !interval->IsArray() || interval->Size() != 2) return;
  const Json& low = (*interval)[0];
  const Json& high = (*interval)[1];
  if (low.IsNumber() && high.IsNumber()) facts.iou_interval = {low.GetDouble(), high.GetDouble()};
}

std::string describe_protocol(const Json& document) {
  const Json* const protocol = member_of(document, "protocol");
  if (protocol == nullptr || !protocol->IsObject()) return {};
  std::string text = string_of(*protocol, "name");
  for (const auto& member : protocol->GetObject()) {
    const std::string name = member.name.GetString();
    if (name == "name") continue;
    if (name.starts_with("index_") && member.value.IsNumber() && member.value.GetDouble() == 0) continue;
    text += (text.empty() ? "" : ", ") + name + " " + text_of(member.value);
  }
  return text;
}

}  // namespace

std::optional<double> EvaluationFacts::score(const std::string& name) const {
  const auto found = std::ranges::find(scores, name, &std::pair<std::string, double>::first);
  return found == scores.end() ? std::nullopt : std::optional(found->second);
}

std::optional<double> EvaluationFacts::score(std::size_t of_class, const std::string& name) const {
  const auto found = std::ranges::find(class_scores, name);
  if (found == class_scores.end()) return std::nullopt;
  return classes[of_class].scores[static_cast<std::size_t>(found - class_scores.begin())];
}

Result<EvaluationFacts> read_evaluation_facts(const std::filesystem::path& file) {
  GRAPHRUN_ASSIGN(const rapidjson::Document document, read_json_object(file));
  EvaluationFacts facts;
  facts.file = file;
  for (const auto& member : document.GetObject()) {
    const std::string name = member.name.GetString();
    if (member.value.IsNumber() && name != "images")
      facts.scores.emplace_back(name, member.value.GetDouble());
  }
  read_classes(document, facts);
  if (facts.classes.size() > imaging::kMaxClasses)
    return Status(ErrorCode::invalid_file, file.string() + ": has more classes than there may be");
  read_confusion(document, facts);
  read_calibration(document, facts);
  read_interval(document, facts);
  if (const rapidjson::Value* images = member_of(document, "images"); images != nullptr && images->IsInt64())
    facts.images = images->GetInt64();
  facts.protocol = describe_protocol(document);
  return facts;
}

}  // namespace graphrun::training
