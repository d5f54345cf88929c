#pragma once

#include <map>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/model/backend.h"
#include "runtime/model/program.h"

namespace graphrun::training {

// A node of the method "eval" whose op has kernels for 8 bits and reads a weight.
struct QuantisedLayer {
  std::string path;
  std::string x;           // what it multiplies, as ActivationScales names it
  std::size_t weight = 0;  // index of Model::variables
  std::int64_t taps = 1;   // elements of the weight for an input and an output channel
  // What takes up the mean of the weight's rounding: a mean that is subtracted from the result, else a bias
  // that is added; -1: neither is there, or more than x meets the weight.
  std::int32_t correction = -1;
  bool subtracted = false;
};

// In the order of the method.
std::vector<QuantisedLayer> find_layers(const model::Program& program, const model::Backend& backend);

// Variables of two and more axes that the method "eval" does not read: heads that are there for training.
// By index of Model::variables.
std::vector<std::size_t> unread_maps(const model::Program& program);

// Activations that have one scale in 8 bits (OpDef::shares_scale), by the names of ActivationScales: each
// with the one that stands for all of its set.
std::map<std::string, std::string> shared_scales(const model::Program& program);

// The method's outputs, and what is one of them but for its place or an interpolation: they stay wide.
std::vector<std::string> wide_ends(const model::Program& program);

}  // namespace graphrun::training
