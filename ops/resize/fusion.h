#pragma once

#include <optional>

#include "ops/common/interpolation.h"
#include "ops/resize/names.h"

namespace graphrun::ops::resize {

// Fusion::match of an op that takes a node that reads pixels (OpDef::reads_pixels) and the resize before it.
// A resize stays when anybody else reads it: then its result exists anyway.
inline std::optional<Node> fuse_with_resize(const Node& reader, const GraphReader& graph) {
  const ValueId large = reader.inputs[0];
  const Node* const resize = graph.producer(large);
  if (resize == nullptr || resize->op != kResize) return std::nullopt;
  for (const Node* other : graph.readers(large)) {
    if (other == nullptr || !graph.definition(*other).reads_pixels || other->inputs[0] != large)
      return std::nullopt;
  }
  Node fused{reader.path, {}, reader.attrs, reader.inputs, {}};
  fused.inputs[0] = resize->inputs[0];
  fused.attrs.merge(pick_interpolation(resize->attrs));
  return fused;
}

}  // namespace graphrun::ops::resize
