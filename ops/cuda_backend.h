#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graphrun/kernel/op_library.h"
#include "graphrun/status.h"
#include "runtime/model/backend.h"

namespace graphrun::ops {

struct CudaOptions {
  int device = 0;  // as CUDA counts them
  // Where it is kept which of the library's convolutions is the fastest for a shape, read at the start and
  // written as more is measured; empty: measured anew in each process.
  std::string tuning_file{};
  // Their kernels for "cuda" are asked before those of ops/; the backend keeps the libraries.
  OpLibraries libraries{};
  // Backend::service() by name; they outlive the backend.
  std::map<std::string_view, const void*> services{};
};

// A GPU of compute capability 8.0 or later, with one stream: sessions of several threads take turns. Errors
// (unsupported): this build is without CUDA; no driver; not_found: no GPU of that number.
Result<std::shared_ptr<model::Backend>> make_cuda_backend(const CudaOptions& options = {});

// A line for each GPU ("NVIDIA H200, 132 multiprocessors, 139 GiB, compute capability 9.0"), or why there is
// none.
Result<std::vector<std::string>> list_gpus();
// Versions of CUDA's runtime, its driver and of cuDNN, by name; empty in a build without.
std::vector<std::pair<std::string, std::string>> cuda_versions();

}  // namespace graphrun::ops
