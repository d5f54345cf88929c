#pragma once

#include <vector>

#include "graphrun/kernel/op_library.h"
#include "runtime/model/graph.h"

// The op libraries that a model needs beside graphrun's own ops.
namespace graphrun::model {

// That handles are none of them null, and that none calls itself as graphrun's own library.
// (invalid_argument)
Status check_libraries(const OpLibraries& libraries);

// The libraries whose ops the model's nodes are, by name, each with those ops.
std::vector<RequiredOps> make_required_ops(const Model& model, const OpRegistry& registry);

// That the libraries which the model names are among the registry's. Errors: unsupported, where an op is
// missing or comes from another library; what is in the list is no name, or too much.
Status check_required_ops(const Model& model, const OpRegistry& registry);

}  // namespace graphrun::model
