#pragma once

#include <memory>
#include <string_view>

#include "graphrun/kernel/op_def.h"
#include "graphrun/kernel/op_library.h"
#include "graphrun/status.h"

namespace graphrun::ops {

// Every op of graphrun (of each folder in ops/), without kernels: those are the backends'. Immutable, made on
// first use.
const OpRegistry& op_registry();
// A registry of others' ops, too, which it keeps. Errors: OpRegistry::make()'s, a library that calls itself
// graphrun.
Result<std::shared_ptr<const OpRegistry>> op_registry_with(const OpLibraries& libraries);

}  // namespace graphrun::ops
