#pragma once

#include <string>

#include "graphrun/kernel/op_def.h"

namespace graphrun::tools {

// The reference of all ops as Markdown, from their definitions: doc/ops.md.
std::string op_reference(const OpRegistry& ops);

}  // namespace graphrun::tools
