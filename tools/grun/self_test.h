#pragma once

#include "graphrun/status.h"

namespace graphrun::tools {

// `grun doctor --check`: does in a folder of its own what users do, in under a minute: compiles a graph,
// trains and evaluates it, labels images with the result on each device and in each precision that there is,
// and prints of each what came out. Error: something did not work, or gave other results than it should.
Status self_test();

}  // namespace graphrun::tools
