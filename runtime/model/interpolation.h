#pragma once

#include <algorithm>

#include "graphrun/kernel/op_def.h"
#include "runtime/numeric/interpolation.h"

// The rule that the attributes of an op say which interpolates.
namespace graphrun::model {

// Precondition: the op has the attributes mode and align_corners.
inline numeric::Interpolation interpolation_of(const Attributes& attrs) {
  if (attrs.text("mode") == "nearest") return numeric::Interpolation::nearest;
  return attrs.flag("align_corners") ? numeric::Interpolation::aligned_corners
                                     : numeric::Interpolation::half_pixels;
}

// The rule of any op with OpDef::interpolates.
inline numeric::Interpolation interpolation_of(const OpDef& def, const Attributes& attrs) {
  const auto has = [&](std::string_view name) {
    return std::ranges::find(def.attrs, name, &AttrSpec::name) != def.attrs.end();
  };
  if (!has("mode") || !has("align_corners")) return numeric::Interpolation::aligned_corners;
  return interpolation_of(attrs);
}

}  // namespace graphrun::model
