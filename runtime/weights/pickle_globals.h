#pragma once

#include <string_view>

#include "graphrun/status.h"
#include "runtime/weights/pickle.h"

namespace graphrun::weights {

// What the class or function `module`.`name` means to the reader of checkpoints; all that it does not know is
// inert. Error: one that is in a file only to run code when the file is loaded.
Result<PickleGlobal> pickle_global(std::string_view module, std::string_view name);

// What a function makes that is a tensor of a kind without plain elements: "sparse", "quantised", ...
std::string_view kind_of_rebuilt(std::string_view function);

}  // namespace graphrun::weights
