#pragma once

#include <cstdint>

#include "graphrun/tensor.h"

// Pixels' channels mixed by interpolation.
namespace graphrun::ops::conv2d {

// acc += weight * from.
void accumulate(float weight, const float* from, std::int64_t count, float* acc);

// acc += a_weight * a + b_weight * b.
void accumulate_two(float a_weight, const float* a, float b_weight, const float* b, std::int64_t count,
                    float* acc);

// `line`, dense, as row `row` of y, whose rows are those of all images. y is f32 or bf16.
void store_line(const float* line, const TensorView& y, std::int64_t row);

}  // namespace graphrun::ops::conv2d
