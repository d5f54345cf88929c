#pragma once

#include <string_view>

// Late parameters of graphs that say how labels are meant: training sets them, where a graph has them.
namespace graphrun::model::parameter_names {

inline constexpr std::string_view kClasses = "classes";           // how many there are
inline constexpr std::string_view kIgnoreLabel = "ignore_label";  // the id of pixels that count nowhere

}  // namespace graphrun::model::parameter_names
