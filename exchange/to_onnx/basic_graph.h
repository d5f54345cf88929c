#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "graphrun/kernel/op_def.h"
#include "graphrun/status.h"
#include "runtime/model/program.h"
#include "runtime/model/resolve.h"

namespace graphrun::exchange::to_onnx {

// A node with what it means.
struct BasicNode {
  Node node;
  model::ResolvedNode resolved;
};

// A method without composites that the other format has nothing for: their parts stand in their place.
struct BasicGraph {
  std::vector<model::Value> values;  // of the method, then those of parts
  std::vector<ValueType> types;      // by value
  std::vector<BasicNode> nodes;
  std::vector<model::NamedValue> outputs;
};

// `is_basic`: the op can stay as it is. `dims` gives N, H, W, ... as numbers or as symbols. Errors name the
// node.
Result<BasicGraph> make_basic(const model::Program& program, const model::Method& method,
                              const SymbolLookup& dims,
                              const std::function<bool(std::string_view op)>& is_basic);

}  // namespace graphrun::exchange::to_onnx
