#pragma once

#include <string>
#include <vector>

#include "exchange/to_onnx/translation.h"

// Convolutions whose weights are integers.
namespace graphrun::exchange::to_onnx {

// The weight, input 1 of a node: each output channel's integers times its scale and its factor. Precondition:
// the builder has it in 8 bits, and there is a factor for each index of its first axis.
std::string quantised_weight(Translation& node, std::vector<std::int64_t> dims,
                             const std::vector<double>& factors);

// A bias that is added to the products of that weight and input 0: integers in their scale, where all fit
// into 32 bits; else f32.
std::string quantised_bias(Translation& node, const std::vector<float>& bias,
                           const std::vector<double>& factors);

}  // namespace graphrun::exchange::to_onnx
