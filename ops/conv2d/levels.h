#pragma once

#include <optional>
#include <vector>

#include "ops/conv2d/definition.h"

// What the definitions of convolutions over concatenations with resized maps share: x, which has the size of
// the result, and levels, which are brought to it.
namespace graphrun::ops::conv2d {

// How many levels stand before x in the concatenation.
AttrSpec place_attr();
std::int64_t place_of(const AttrMap& attrs);

// A concatenation of which all but one are resized for it.
struct Concatenation {
  ValueId x;
  std::vector<ValueId> levels;
  AttrMap attrs;  // place, and how levels are resized
};
// Empty where the value is something else, or read by others, or its parts are resized by different rules.
std::optional<Concatenation> resized_concatenation(ValueId value, const GraphReader& graph);

}  // namespace graphrun::ops::conv2d
