#pragma once

#include <cstdint>
#include <string>

#include "graphrun/api.h"

namespace graphrun {

// An error in a graph file, and where it is.
struct Diagnostic {
  std::string file;          // the graph file, or the import it is in
  std::uint32_t line = 1;    // from 1
  std::uint32_t column = 1;  // from 1, in bytes
  std::string node;          // the full path of the node that is wrong, or empty
  std::string message;
};

// "file:line:column: error: node: message", which editors understand.
GRAPHRUN_API std::string to_string(const Diagnostic& diagnostic);

}  // namespace graphrun
