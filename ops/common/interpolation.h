#pragma once

#include "graphrun/kernel/op_def.h"
#include "ops/common/definition.h"
#include "runtime/model/interpolation.h"

// The attributes of ops that interpolate, from which kernels and compiler read the same rule.
namespace graphrun::ops {

inline std::vector<AttrSpec> interpolation_attrs() {
  return {
      {.name = "mode",
       .kind = AttrKind::text,
       .doc = "bilinear, or nearest: row i reads row floor(i H/size) of x",
       .fallback = "bilinear",
       .choices = {"bilinear", "nearest"}},
      {.name = "align_corners",
       .kind = AttrKind::boolean,
       .doc = "of bilinear: the corner pixels' centres coincide, row i reads row i (H - 1)/(size - 1) of x; "
              "false: their edges do, row i reads row (i + 1/2) H/size - 1/2",
       .fallback = Expr(1)}};
}

using model::interpolation_of;

// The rule that a graph's node has.
inline numeric::Interpolation interpolation_of(const AttrMap& attrs) {
  const auto mode = attrs.find("mode");
  if (mode != attrs.end() && mode->second == AttrValue("nearest")) return numeric::Interpolation::nearest;
  const bool aligned = !attrs.contains("align_corners") || is_set(attrs, "align_corners");
  return aligned ? numeric::Interpolation::aligned_corners : numeric::Interpolation::half_pixels;
}

// For a node that interpolates as the one with these attributes does.
inline AttrMap pick_interpolation(const AttrMap& attrs) {
  return pick_attrs(attrs, {"mode", "align_corners"});
}

}  // namespace graphrun::ops
