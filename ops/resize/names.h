#pragma once

#include <string_view>

// Names for ops of other folders that are written in terms of these.
namespace graphrun::ops::resize {

inline constexpr std::string_view kResize = "resize";
inline constexpr std::string_view kResizeGrad = "resize_grad";

}  // namespace graphrun::ops::resize
