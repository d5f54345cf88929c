#pragma once

#include <memory>
#include <string_view>

#include "runtime/core/status.h"
#include "runtime/model/kernel.h"
#include "runtime/model/op_def.h"

namespace graphrun {

// Every op of graphrun (ops/op_list.inc). Immutable, made on first use.
const OpRegistry& op_registry();

}  // namespace graphrun
