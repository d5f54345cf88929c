#pragma once

#include "graphrun/kernel/op_def.h"
#include "runtime/model/graph.h"

namespace graphrun::model {

// What a file of version 1 left unsaid, so that its model is one of today's: the signature, which followed
// from names; the size of point-wise attention masks, which followed the training crop. Nodes, variables and
// parameters stay as they are, and with them all results. Precondition: validate_structure(). Errors: a
// preprocessing of other than 3 channels.
Status upgrade_from_version_1(Model& model, const OpRegistry& registry);

}  // namespace graphrun::model
