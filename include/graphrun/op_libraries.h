#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graphrun/api.h"
#include "graphrun/status.h"

// Ops and kernels of others, for whatever opens or makes a model:
//
//     auto swish = graphrun::open_op_library("./libswish.so");
//     if (!swish.ok()) return fail(swish.status());
//     auto labeler = graphrun::Labeler::open({.model = "yard.grun", .ops = {*swish}});
//
// A program that has ops of its own needs no shared object: it fills an OpLibrary
// (graphrun/kernel/op_library.h) and gives borrow(library).
namespace graphrun {

struct OpLibrary;
// Handles. Whatever is opened with them (models, devices, labelers, trainers) keeps them as long as it lives.
using OpLibraries = std::vector<std::shared_ptr<const OpLibrary>>;

// The library of a shared object (graphrun/kernel/op_module.h), which stays loaded as long as the handle, a
// copy of it or anything that was opened with one lives. A path without a folder is one of the working
// directory. Opening runs the object's code: it can do all that this process can. Errors: not_found;
// invalid_file: no op library; unsupported: it was compiled against other headers of graphrun (both hashes
// are in the message).
GRAPHRUN_API Result<std::shared_ptr<const OpLibrary>> open_op_library(const std::string& path);

}  // namespace graphrun
