#pragma once

#include <algorithm>
#include <span>

#include "runtime/model/graph.h"

namespace graphrun::model {

// A part of a composite computes the composite's values under their own names: what decomposition() gave for
// an output, in `replacements`, becomes that output.
inline void take_names(Node& part, std::span<const ValueId> replacements, std::span<const ValueId> outputs) {
  const auto original = [&](ValueId id) {
    const auto found = std::ranges::find(replacements, id);
    if (id == kNoValue || found == replacements.end()) return id;
    const ValueId output = outputs[static_cast<std::size_t>(found - replacements.begin())];
    return output == kNoValue ? id : output;
  };
  std::ranges::transform(part.inputs, part.inputs.begin(), original);
  std::ranges::transform(part.outputs, part.outputs.begin(), original);
}

}  // namespace graphrun::model
