#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "runtime/model/program.h"

// A rectifier turns NaN into 0, so that damaged weights give label maps that look right: values are looked at
// before they are used.
namespace graphrun::weights {

// What the first value is that is infinite or NaN, and where ("NaN at (0, 3) of (2, 4)"); empty: all are
// finite.
std::string first_nonfinite(const Shape& shape, std::span<const float> values);

// Error: a value that is infinite or NaN, or, with `not_negative`, below 0; names tensor, value and place.
// One pass at the speed of memory.
Status check_values(std::string_view name, const Shape& shape, std::span<const float> values,
                    bool not_negative);

// By variable: an op of the program reads it as a variance, an input whose name is "var" or ends in "_var".
std::vector<bool> not_negative_variables(const model::Program& program);

}  // namespace graphrun::weights
