#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "runtime/model/program.h"
#include "runtime/weights/tensor_file.h"

// How a weights file says that it is quantised (doc/format.md, "Quantised weights"): a weight in s8 beside
// its scales, by index of its first axis, and scale and zero point of activations in the metadata.
namespace graphrun::weights {

// After the name of a weight in s8: the tensor of its scales.
inline constexpr std::string_view kScaleSuffix = ":scale";

// By the path of the node that gives the activation, or by the name of an input.
using ActivationScales = std::map<std::string, Quantisation, std::less<>>;

// What of a network can be stored in 8 bits.
struct QuantisedValues {
  std::vector<bool> variables;  // by index of Model::variables: the weight is there in s8
  ActivationScales activations;
  bool empty() const { return activations.empty(); }
};

// A weight in s8, in the order of the variable.
struct EightBitTensor {
  std::vector<std::int8_t> values;
  std::vector<float> scales;  // by index of the first axis
};

// Metadata of a file for these activations, and back. Errors (invalid_file): an entry that is none, a scale
// that is not a positive number, a zero point that is no u8.
std::map<std::string, std::string> activation_metadata(const ActivationScales& activations);
Result<ActivationScales> read_activations(const std::map<std::string, std::string>& metadata);
// Error (invalid_file): a name that is neither an input of the method "eval" nor the path of one of its nodes
// or of a part of a node.
Status check_names(const ActivationScales& activations, const model::Model& model);

// The scales of a tensor in s8, one for each index of its first axis; null where the file has none such, and
// for tensors of other types. What numbers they are was not looked at.
const float* scales_of(const TensorFile& file, const NamedTensor& tensor);
// Error (invalid_file): a scale that is not a positive number, or so large that 127 of it are none.
// Precondition: the tensor is in s8 and has these scales.
Status check_scales(const NamedTensor& tensor, const float* scales);
// The tensor is the scales of one in s8.
bool is_scales(const TensorFile& file, const NamedTensor& tensor);

// What the integers stand for, of which `channels` parts of one size have a scale each. `to` has as many
// elements.
void widen(std::span<const std::int8_t> integers, std::int64_t channels, const float* scales, float* to);

}  // namespace graphrun::weights
