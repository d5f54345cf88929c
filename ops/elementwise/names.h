#pragma once

#include <string_view>

// Names for ops of other folders that are written in terms of these.
namespace graphrun::ops::elementwise {

inline constexpr std::string_view kAdd = "add";
inline constexpr std::string_view kMultiply = "mul";

}  // namespace graphrun::ops::elementwise
