#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/source.h"

namespace graphrun::compiler {

struct Loss {
  std::string name;
  ValueId value = kNoValue;      // a scalar
  ValueId totals = kNoValue;     // weighted sum and sum of weights, where the op gives them
  ValueId confusion = kNoValue;  // where the op counts one
  Expr weight = 1.0;
};

// Parameters whose names match take the attributes; the first group that matches takes a parameter.
struct OptimizerGroup {
  std::string match;  // a glob: * stands for any text
  AttrMap attrs;      // of the optimiser, those of all groups included
  Position at;
};
struct Optimizer {
  std::string op;
  std::vector<OptimizerGroup> groups;
  Position at;
};

// The graph as written, without blocks: the ops of graph files, all attributes evaluated as far as structural
// parameters go, every value with its type. method.outputs are the file's outputs.
struct Expansion {
  Graph graph;
  std::map<std::string, std::string> output_roles;  // by output, those that the file gives
  std::vector<Loss> losses;
  std::optional<Optimizer> optimizer;
  std::map<std::string, Position, std::less<>> places;  // by node path: the statement
};

// Adds the variables of nodes to the context's model. Complete only where `diagnostics` stays ok.
Expansion expand(const Source& source, Context context, Diagnostics& diagnostics);

inline constexpr std::size_t kMaxBlockDepth = 64;
inline constexpr std::size_t kMaxStatements = 100000;  // run, not written

}  // namespace graphrun::compiler
