#pragma once

#include <cstddef>

#include "graphrun/kernel/op_def.h"
#include "runtime/model/graph.h"

// Is this model one that can be compiled further, stored and bound? Needed for files, which anybody can
// write, and after every pass of the compiler. Independent of how the model is stored. Every error
// (invalid_argument, or shape) names the method, the node's path and its op.
namespace graphrun::model {

inline constexpr std::size_t kMaxNodes = std::size_t{1} << 18;   // of a method
inline constexpr std::size_t kMaxValues = std::size_t{1} << 20;  // of a method
inline constexpr std::size_t kMaxVariables = std::size_t{1} << 18;
inline constexpr std::size_t kMaxMethods = 16;
inline constexpr std::size_t kMaxInputs = 64;
inline constexpr std::size_t kMaxParameters = 1024;  // of a graph; also requirements and settings
inline constexpr std::size_t kMaxClassNames = 65536;
inline constexpr std::size_t kMaxPorts = 4096;
inline constexpr std::size_t kMaxNameLength = 512;
inline constexpr std::size_t kMaxTextLength = 65536;  // documentation, settings
inline constexpr std::size_t kMaxListLength = 65536;  // of an attribute

// Structure: counts, names, indices, known ops, arity; that each value is written once and before it is read;
// that expressions know their symbols; variables' shapes, kinds and sizes; stores and updates. Linear in the
// size of the model.
Status validate_structure(const Model& model, const OpRegistry& registry);

// What inference and the signature say, of a model whose structure is valid: attributes in their range, types
// of every method with symbolic N, H, W, stored values of the type of their variable, ports of the type that
// the signature and their role give.
Status validate_types(const Model& model, const OpRegistry& registry);

// Both: a model that can be bound.
Status validate(const Model& model, const OpRegistry& registry);

}  // namespace graphrun::model
