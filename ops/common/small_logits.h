#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "ops/common/interpolation.h"

// Ops that look at logits of the label's size one pixel at a time, so that they can be computed from small
// ones without the large map.
namespace graphrun::ops {

// Input 0 is such logits.
inline bool reads_pixels(const Node& node) {
  constexpr std::array kOps{std::string_view("cross_entropy_totals"), std::string_view("label_probability"),
                            std::string_view("region_totals"), std::string_view("lovasz_totals"),
                            std::string_view("boundary_totals")};
  return std::ranges::find(kOps, node.op) != kOps.end();
}

// Fusion::match of the op that takes such a node and the resize before it. A resize stays when anybody else
// reads it: then its result exists anyway.
inline std::optional<Node> fuse_with_resize(const Node& reader, const GraphReader& graph) {
  const ValueId large = reader.inputs[0];
  const Node* resize = graph.producer(large);
  if (resize == nullptr || resize->op != "resize") return std::nullopt;
  for (const Node* other : graph.readers(large)) {
    if (other == nullptr || !reads_pixels(*other) || other->inputs[0] != large) return std::nullopt;
  }
  Node fused{reader.path, {}, reader.attrs, reader.inputs, {}};
  fused.inputs[0] = resize->inputs[0];
  fused.attrs.merge(pick_interpolation(resize->attrs));
  return fused;
}

}  // namespace graphrun::ops
