#pragma once

#include <map>
#include <span>
#include <string>

#include "compiler/source.h"
#include "runtime/model/graph.h"

namespace graphrun::compiler {

// `-D name=value` of the command line; `-D name=a,b` gives name_0 and name_1.
struct Definition {
  std::string name;
  double value = 0;
  int list_size = 0;  // of the list it stood in; 0: in none
};

struct Declarations {
  model::Model model;
  std::map<std::string, std::string> input_roles;  // by input, those that the file gives
};

// All of a model that stands in its file outright: parameters with the definitions applied, inputs,
// requirements, preprocessing, protocol, documentation, settings and metadata.
Declarations read_declarations(const Source& source, std::span<const Definition> definitions,
                               Diagnostics& diagnostics);

// Every definition names a parameter, and a list has a value for each parameter of its name.
bool check_definitions(const Source& source, const model::Model& model,
                       std::span<const Definition> definitions, Diagnostics& diagnostics);

}  // namespace graphrun::compiler
