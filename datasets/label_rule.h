#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
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

  int classes() const { return static_cast<int>(label_ids_.size()); }
  // Class or kIgnoredClass; empty for an id that the data set does not have.
  std::optional<ClassId> class_of(std::uint16_t label_id) const {
    if (label_id >= table_.size() || table_[label_id] < 0) return std::nullopt;
    return static_cast<ClassId>(table_[label_id]);
  }
  std::uint16_t label_id(int class_id) const { return label_ids_[static_cast<std::size_t>(class_id)]; }

  // invalid_file for an id that the data set does not have: gives id, row and column.
  Result<imaging::LabelMap> apply(const LabelImage& label) const;

 private:
  std::vector<std::int32_t> table_;  // by label id: class, kIgnoredClass, or -1
  std::vector<std::uint16_t> label_ids_;
};

}  // namespace graphrun::datasets
