#pragma once

#include <span>

#include "runtime/weights/tensor_table.h"

namespace graphrun::weights {

// The tensor's elements as f32. Precondition: its dtype is a real one and out has as many elements.
void convert_to_f32(const NamedTensor& tensor, std::span<float> out);

}  // namespace graphrun::weights
