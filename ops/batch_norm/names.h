#pragma once

#include <string_view>

// Names for ops of other folders that are written in terms of these.
namespace graphrun::ops::batch_norm {

inline constexpr std::string_view kBatchNormEval = "batch_norm_eval";

}  // namespace graphrun::ops::batch_norm
