#pragma once

#include <map>
#include <string>
#include <vector>

#include "graphrun/dtype.h"
#include "runtime/model/program.h"
#include "runtime/weights/tensor_table.h"
#include "runtime/weights/weights.h"

namespace graphrun::weights {

// Memory of tensors that are not the weights' own.
using NarrowTensors = std::vector<std::vector<BFloat16>>;

enum class WideMaps : std::uint8_t {
  exact,    // in bf16 where no value changes, else as they are
  rounded,  // in bf16
};

// Makes of tensors, as Weights::snapshot() gives them, those of a file of quantised weights: in s8 where
// `weights` has a variable so, with the scales beside them; others of two and more axes as `wide` says. Views
// of the weights' memory and of `narrow`, larger element types first (write_safetensors).
void store_quantised(const Weights& weights, const model::Model& model, WideMaps wide,
                     std::vector<NamedTensor>& tensors, std::map<std::string, std::string>& metadata,
                     NarrowTensors& narrow);

// The tensor, in f32, in bf16, whose memory is in `narrow` from now on.
void store_in_bf16(NamedTensor& tensor, NarrowTensors& narrow);

// Larger element types first, otherwise as they were.
void align_tensors(std::vector<NamedTensor>& tensors);

}  // namespace graphrun::weights
