#pragma once

#include <string>
#include <vector>

#include "graphrun/kernel/op_def.h"
#include "runtime/model/graph.h"
#include "runtime/model/resolve.h"

namespace graphrun::model {

struct ResolvedMethod {
  std::vector<ValueType> types;     // by ValueId
  std::vector<ResolvedNode> nodes;  // by node of the method; their outputs have been moved to `types`
};

// Resolves the nodes of a method one after the other. `dims` gives the symbols of the inputs' shapes (N, H,
// W): numbers at bind, Dim::symbol in the compiler; graph parameters have the values that the model gives,
// unless `dims` gives another. Inputs of rank 4 with real elements are activations (NHWC), the others dense.
//
// Precondition: validate_structure(model) succeeded. Errors name the node's path and op: attributes that
// cannot be evaluated, operands that do not fit, extents below 1 or beyond a tensor's limits.
Result<ResolvedMethod> resolve_method(const Model& model, const Method& method, const OpRegistry& registry,
                                      const SymbolLookup& dims);
// Its types alone, without keeping what the nodes mean.
Result<std::vector<ValueType>> infer_types(const Model& model, const Method& method,
                                           const OpRegistry& registry, const SymbolLookup& dims);

// Every symbol that the inputs' shapes introduce, as itself: the `dims` of a model whose sizes are not known.
SymbolLookup symbolic_dims(const Model& model);
// Their names in order of appearance: inputs' extents that are one symbol and no graph parameter.
std::vector<std::string> dim_names(const Model& model);

// The type of an input with the symbols that `lookup` gives: of rank 4 and real, an activation.
Result<ValueType> input_type(const Input& input, const SymbolLookup& lookup);
// The type of a variable with the parameters that `lookup` gives.
Result<ValueType> variable_type(const Variable& variable, const SymbolLookup& lookup);

// "pretrained.layer1.0.conv1 (conv2d)", as errors name a node.
std::string describe(const Node& node);

}  // namespace graphrun::model
