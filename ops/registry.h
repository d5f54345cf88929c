#pragma once

#include <memory>
#include <string_view>

#include "graphrun/kernel/kernel.h"
#include "graphrun/kernel/op_def.h"
#include "graphrun/status.h"

namespace graphrun::ops {

// Every op of graphrun (ops/op_list.inc). Immutable, made on first use.
const OpRegistry& op_registry();

}  // namespace graphrun::ops
