#pragma once

#include "tools/grun/commands.h"

namespace graphrun::tools {

// `grun data init` and `grun data import`.
void add_data_init(CLI::App& data, Outcome& outcome);
void add_data_import(CLI::App& data, Outcome& outcome);

}  // namespace graphrun::tools
