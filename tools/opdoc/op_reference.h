#pragma once

#include <string>

#include "runtime/model/op_def.h"

namespace graphrun {

// The reference of all ops as Markdown, from their definitions: doc/ops.md.
std::string op_reference(const OpRegistry& ops);

}  // namespace graphrun
