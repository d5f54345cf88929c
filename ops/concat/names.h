#pragma once

#include <string_view>

// Names for ops of other folders that are written in terms of these.
namespace graphrun::ops::concat {

inline constexpr std::string_view kConcat = "concat";

}  // namespace graphrun::ops::concat
