#pragma once

#include <string>

#include "graphrun/kernel/op_def.h"

namespace graphrun::tools {

// A JSON Schema of what statements with an op may hold, from the ops' definitions: graphs/ops.schema.json,
// which graphs/graph.schema.json refers to. Statements with ops that it does not know are left alone.
std::string op_schema(const OpRegistry& ops);

}  // namespace graphrun::tools
