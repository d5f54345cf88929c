#include "datasets/label_rule.h"

#include <algorithm>
#include <optional>
#include <string>

#include "datasets/color.h"

namespace graphrun::datasets {

Result<LabelRule> LabelRule::make(int classes, const std::map<std::uint16_t, int>& classes_of,
                                  std::span<const std::uint16_t> ignored,
                                  std::span<const std::uint16_t> submission) {
  if (classes < 1 || classes > imaging::kMaxClasses) {
    return Status(ErrorCode::invalid_argument, "expected 1 to " + std::to_string(imaging::kMaxClasses) +
                                                   " classes, found " + std::to_string(classes));
  }
  std::uint16_t highest = 0;
  for (const auto& [id, class_id] : classes_of) highest = std::max(highest, id);
  for (const std::uint16_t id : ignored) highest = std::max(highest, id);

  LabelRule rule;
  rule.table_.assign(std::size_t{highest} + 1, -1);
  std::vector<std::optional<std::uint16_t>> lowest(static_cast<std::size_t>(classes));
  for (const auto& [id, class_id] : classes_of) {
    if (class_id < 0 || class_id >= classes) {
      return Status(ErrorCode::invalid_argument, "label id " + std::to_string(id) + " stands for class " +
                                                     std::to_string(class_id) + ", but there are " +
                                                     std::to_string(classes) + " classes");
    }
    rule.table_[id] = class_id;
    auto& first = lowest[static_cast<std::size_t>(class_id)];
    if (!first) first = id;
  }
  for (const std::uint16_t id : ignored) {
    if (rule.table_[id] != -1) {
      return Status(ErrorCode::invalid_argument,
                    "ignored label id " + std::to_string(id) + " stands twice or also for a class");
    }
    rule.table_[id] = imaging::kIgnoredClass;
  }
  for (std::size_t i = 0; i < lowest.size(); ++i) {
    if (!lowest[i]) {
      return Status(ErrorCode::invalid_argument, "no label id stands for class " + std::to_string(i));
    }
    rule.label_ids_.push_back(*lowest[i]);
  }
  if (!submission.empty()) {
    if (submission.size() != lowest.size()) {
      return Status(ErrorCode::invalid_argument, "expected " + std::to_string(classes) +
                                                     " label ids for submission, one a class, found " +
                                                     std::to_string(submission.size()));
    }
    rule.label_ids_.assign(submission.begin(), submission.end());
  }
  return rule;
}

Result<LabelRule> LabelRule::make_by_color(std::span<const imaging::Color> colors,
                                           std::span<const imaging::Color> ignored) {
  LabelRule rule;
  rule.form_ = LabelForm::colors;
  const auto add = [&](const imaging::Color& color, std::int32_t class_id) -> Status {
    if (rule.classes_of_colors_.emplace(packed(color), class_id).second) return {};
    return {ErrorCode::invalid_argument, "colour " + to_text(color) + " stands twice"};
  };
  for (const imaging::Color& color : colors) {
    const auto class_id = static_cast<std::uint16_t>(rule.label_ids_.size());
    GRAPHRUN_TRY(add(color, class_id));
    rule.label_ids_.push_back(class_id);
  }
  for (const imaging::Color& color : ignored) GRAPHRUN_TRY(add(color, imaging::kIgnoredClass));
  return rule;
}

std::vector<std::int32_t> LabelRule::table_of(const LabelImage& label) const {
  if (form_ == LabelForm::ids) return table_;
  std::vector<std::int32_t> table;
  for (const imaging::Color& color : label.palette) {
    const auto found = classes_of_colors_.find(packed(color));
    table.push_back(found == classes_of_colors_.end() ? -1 : found->second);
  }
  return table;
}

Result<imaging::LabelMap> LabelRule::apply(const LabelImage& label) const {
  imaging::LabelMap map{label.height, label.width, std::vector<ClassId>(label.ids.size())};
  const std::vector<std::int32_t> table = table_of(label);
  for (std::size_t i = 0; i < label.ids.size(); ++i) {
    const std::uint16_t id = label.ids[i];
    const int class_id = id < table.size() ? table[id] : -1;
    if (class_id < 0) {
      const auto pixel = static_cast<std::int64_t>(i);
      return Status(ErrorCode::invalid_file, name_of_id(label, form_, id) + " at row " +
                                                 std::to_string(pixel / label.width) + ", column " +
                                                 std::to_string(pixel % label.width) +
                                                 " is neither a class nor ignored");
    }
    map.ids[i] = static_cast<ClassId>(class_id);
  }
  return map;
}

std::string name_of_id(const LabelImage& label, LabelForm form, std::uint16_t id) {
  if (form == LabelForm::colors && id < label.palette.size()) return "colour " + to_text(label.palette[id]);
  return "label id " + std::to_string(id);
}

}  // namespace graphrun::datasets
