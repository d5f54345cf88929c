#pragma once

#include <string_view>

// Names for ops of other folders that are written in terms of these.
namespace graphrun::ops::activation {

inline constexpr std::string_view kReluGrad = "relu_grad";

}  // namespace graphrun::ops::activation
