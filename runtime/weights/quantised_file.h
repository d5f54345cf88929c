#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/model/program.h"
#include "runtime/weights/tensor_table.h"
#include "runtime/weights/weights.h"

namespace graphrun::weights {

// Makes of tensors, as Weights::snapshot() gives them, those of a file of quantised weights: in s8 where
// `weights` has a variable so, with the scales beside them. Views of the weights' memory, larger element
// types first (write_safetensors).
void store_quantised(const Weights& weights, const model::Model& model, std::vector<NamedTensor>& tensors,
                     std::map<std::string, std::string>& metadata);

// Larger element types first, otherwise as they were.
void align_tensors(std::vector<NamedTensor>& tensors);

}  // namespace graphrun::weights
