#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "datasets/sample.h"
#include "graphrun/status.h"

namespace graphrun::datasets {

// Which class a stored label id stands for, and which label id a class is submitted as.
class LabelRule {
 public:
  LabelRule() = default;
  // `classes_of`: label id -> class; `ignored`: label ids that count nowhere; `submission`: the label id of
  // each class, or empty for the lowest id that stands for it. Every class needs an id, no id may stand
  // twice.
  static Result<LabelRule> make(int classes, const std::map<std::uint16_t, int>& classes_of,
                                std::span<const std::uint16_t> ignored,
                                std::span<const std::uint16_t> submission);

  // By the colours of the label's palette: `colors` of the classes, in their order, `ignored` ones that count
  // nowhere. No colour may stand twice. Predictions are submitted as class ids.
  static Result<LabelRule> make_by_color(std::span<const imaging::Color> colors,
                                         std::span<const imaging::Color> ignored);

  LabelForm form() const { return form_; }
  int classes() const { return static_cast<int>(label_ids_.size()); }
  // Class or kIgnoredClass; empty for an id that the data set does not have, and of a rule by colours.
  std::optional<ClassId> class_of(std::uint16_t label_id) const {
    if (label_id >= table_.size() || table_[label_id] < 0) return std::nullopt;
    return static_cast<ClassId>(table_[label_id]);
  }
  // What each id of this label stands for: a class, kIgnoredClass, or -1 where the data set does not have it,
  // as it has none of the ids beyond the end.
  std::vector<std::int32_t> table_of(const LabelImage& label) const;
  std::uint16_t label_id(int class_id) const { return label_ids_[static_cast<std::size_t>(class_id)]; }

  // invalid_file for an id or a colour that the data set does not have: gives it, row and column.
  Result<imaging::LabelMap> apply(const LabelImage& label) const;

 private:
  LabelForm form_ = LabelForm::ids;
  std::vector<std::int32_t> table_;                          // by label id: class, kIgnoredClass, or -1
  std::map<std::uint32_t, std::int32_t> classes_of_colors_;  // by packed()
  std::vector<std::uint16_t> label_ids_;
};

// A label id or, of a colour mask, the colour: for messages.
std::string name_of_id(const LabelImage& label, LabelForm form, std::uint16_t id);

}  // namespace graphrun::datasets
