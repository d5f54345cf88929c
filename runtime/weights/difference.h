#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graphrun/status.h"

namespace graphrun::weights {

// A tensor in which a file and a model differ.
struct Difference {
  enum class Kind : std::uint8_t { missing, unexpected, shape, type };
  Kind kind = Kind::missing;
  std::string name;
  std::string model;  // shape there, or type and shape; empty: it has none of this name
  std::string file;
};

// The error for a file that does not fit: a table of the first differences, those of a kind together, with
// the likeliest partner of a name that only one side has: one that differs in a leading scope, else the
// nearest name of the same shape, else the nearest name. Precondition: not empty.
Status describe_differences(std::vector<Difference> differences);

}  // namespace graphrun::weights
