#pragma once

#include <string>
#include <vector>

#include "runtime/weights/pickle.h"
#include "runtime/weights/tensor_choice.h"

namespace graphrun::weights {

// All dictionaries of a checkpoint in which tensors stand under texts, whatever they are in: dictionaries,
// lists, objects of any class. TensorNest::tensors are PickleIds.
std::vector<TensorNest> pth_nests(const Pickle& pickle);

// For a checkpoint without any: what is in it instead, and what to do.
std::string describe_without_tensors(const Pickle& pickle);

}  // namespace graphrun::weights
