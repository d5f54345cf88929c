#pragma once

#include <span>
#include <string>

#include "compiler/source.h"
#include "runtime/model/graph.h"

namespace graphrun::compiler {

// `-D name=value` of the command line.
struct Definition {
  std::string name;
  double value = 0;
};

// All of a model that stands in its file outright: parameters with the definitions applied, inputs,
// requirements, preprocessing, documentation and settings.
Model read_declarations(const Source& source, std::span<const Definition> definitions,
                        Diagnostics& diagnostics);

}  // namespace graphrun::compiler
