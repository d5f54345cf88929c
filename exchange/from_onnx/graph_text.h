#pragma once

#include <string>
#include <vector>

#include "exchange/from_onnx/step_graph.h"
#include "graphrun/status.h"
#include "runtime/model/graph.h"

namespace graphrun::exchange::from_onnx {

// A name of the graph file's, for an input or an output.
struct NamedPort {
  std::string name;
  StepValue value = kNoStepValue;
  std::string role;  // empty: none, or the one that its name has anyway
};

struct GraphText {
  std::string doc;
  std::vector<NamedPort> inputs;
  std::vector<NamedPort> outputs;
  std::string preprocess;  // JSON; empty: none
};

// A graph file, a line a statement. Statements give a result a name where the next one alone does not read
// it.
std::string write_graph(const StepGraph& graph, const GraphText& text);

}  // namespace graphrun::exchange::from_onnx
