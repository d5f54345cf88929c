#pragma once

#include <string_view>

// Names for ops of other folders that are written in terms of these.
namespace graphrun::ops::cross_entropy {

inline constexpr std::string_view kTotalsOp = "cross_entropy_totals";
inline constexpr std::string_view kGradOp = "cross_entropy_grad";
inline constexpr std::string_view kLabelProbabilityOp = "label_probability";

}  // namespace graphrun::ops::cross_entropy
