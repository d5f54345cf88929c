#pragma once

#include <map>
#include <string>

#include "graphrun/status.h"
#include "runtime/model/program.h"

namespace graphrun::session {

using InputShapes = std::map<std::string, Shape, std::less<>>;

// The shape of the model's image by the name of that input, with the channels that the signature gives.
// Errors: a model without an image.
Result<InputShapes> image_shapes(const model::Program& program, std::int64_t n, std::int64_t h,
                                 std::int64_t w);

using DimValues = std::map<std::string, std::int64_t, std::less<>>;

// The values of N, H, W, ... that the shapes of some inputs give, checked against every extent of those
// inputs and against the model's requirements. Errors name the input, its declared and its actual shape, or
// the requirement.
Result<DimValues> solve_dims(const model::Program& program, const InputShapes& input_shapes);

// "; instead of 240: 233 or 241" for sides of an image that the model refuses; empty where neither is that,
// or no side near it is taken.
std::string nearest_sides(const model::Program& program, const InputShapes& input_shapes);

// "(N, 3, H, W)": the input as the model declares it, graph parameters by their values.
std::string declared_shape(const model::Model& model, const model::Input& input);

SymbolLookup lookup_in(DimValues values);

}  // namespace graphrun::session
