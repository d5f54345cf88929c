#pragma once

#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graphrun/kernel/op_def.h"
#include "graphrun/status.h"
#include "runtime/model/graph.h"

// What a node means: the one place where its op, its attributes and the types of its operands are checked.
namespace graphrun::model {

struct ResolvedNode {
  const OpDef* def = nullptr;
  Attributes attrs;
  std::vector<ValueType> outputs;  // by output of the op, those of absent outputs too
};

// Finds the op, evaluates the attributes with `symbols`, checks which operands are there and whether they are
// what the op declares, and infers the outputs. `inputs` are the types of node.inputs, null where one is
// absent; node.outputs says which outputs the node has. Errors give operand, expected and actual; they do not
// name the node.
Result<ResolvedNode> resolve(const Node& node, const OpRegistry& registry,
                             std::span<const ValueType* const> inputs, const SymbolLookup& symbols);

// What the symbolic extents of a graph's values may take together: each node could write longer ones than the
// node before. Terms that values share count once.
class ExtentBudget {
 public:
  Status charge(std::span<const ValueType> outputs);

 private:
  // By identity(). Kept, since the identity of terms that are gone can become that of others.
  std::unordered_map<const void*, Dim> counted_;
  std::size_t left_ = std::size_t{16} << 20;
};

// Its pieces, for callers that know less than a whole node.

// Errors name the op, and the nearest name that is there.
Result<const OpDef*> find_op(const OpRegistry& registry, std::string_view name);
Result<const OpDef*> find_op(const OpRegistry& registry, OpRole role);
// As many operands as the op has; none is absent that must be there, as far as no attribute decides on that;
// and there is something to write.
Status check_presence(const OpDef& def, const Node& node);
// The inputs that are there have their declared types.
Status check_input_types(const OpDef& def, std::span<const ValueType* const> inputs);
// A type that a value can have: rank, extents and size are within the limits of a tensor.
Status check_type(const ValueType& type);

// Writers of nodes may leave out absent inputs at the end: adds those.
void add_absent_inputs(const OpDef& def, std::vector<ValueId>& inputs);

}  // namespace graphrun::model
