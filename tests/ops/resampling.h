#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "graphrun/kernel/attributes.h"

// Where an interpolation reads along one axis, in double, as one would write it down.
namespace graphrun::test {

struct Mixture {
  std::int64_t first, second;
  double weight;  // of second
};

inline Mixture mixture(const Attributes& attrs, std::int64_t i, std::int64_t in, std::int64_t out) {
  const auto ratio = static_cast<double>(in) / static_cast<double>(out);
  double at = out == 1 ? 0.0 : static_cast<double>(i * (in - 1)) / static_cast<double>(out - 1);
  if (attrs.text("mode") == "nearest") {
    const std::int64_t below = i * in / out;
    at = static_cast<double>(below);
  } else if (!attrs.flag("align_corners")) {
    at = std::max((static_cast<double>(i) + 0.5) * ratio - 0.5, 0.0);
  }
  const auto first = std::min(in - 1, static_cast<std::int64_t>(at));
  return {first, std::min(in - 1, first + 1), at - static_cast<double>(first)};
}

// All rules, as attributes.
inline std::array<AttrMap, 3> interpolation_rules() {
  return {AttrMap{}, AttrMap{{"align_corners", Expr(0)}}, AttrMap{{"mode", "nearest"}}};
}

}  // namespace graphrun::test
