#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
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

// Parameters that one of `match` selects take the attributes.
struct OptimizerGroup {
  std::vector<ParameterSelector> match;
  AttrMap attrs;  // of the optimiser
  Position at;
};
struct Optimizer {
  std::string op;
  AttrMap attrs;                       // of all groups
  std::vector<OptimizerGroup> groups;  // the first that matches takes a parameter
  std::vector<OptimizerGroup> rules;   // on top of its group: each that matches, later ones win
  bool rules_written = false;          // in the file; else they are OptimizerSpec::rules
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

// Adds the variables of nodes to the context's model. `optimizer`: the op in the place of the file's; empty:
// the file's. Complete only where `diagnostics` stays ok.
Expansion expand(const Source& source, Context context, Diagnostics& diagnostics,
                 std::string_view optimizer = {});

// What is run, not what is written: a file of a few hundred bytes could otherwise ask for any amount of work.
inline constexpr std::size_t kMaxBlockDepth = 64;
inline constexpr std::size_t kMaxStatements = 16384;                      // and one more for each
inline constexpr std::size_t kBytesOfStatement = 64;                      // of the files
inline constexpr std::size_t kMaxStatementBytes = std::size_t{16} << 20;  // of their text
// Parameters and buffers of a graph with losses, of which each becomes a gradient, a state and the nodes of
// both: several times the networks that are known, and one more for each so many bytes of the files.
inline constexpr std::size_t kMaxTrainedVariables = 4096;
inline constexpr std::size_t kBytesOfTrainedVariable = 1024;

}  // namespace graphrun::compiler
