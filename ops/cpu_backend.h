#pragma once

#include <memory>

#include "graphrun/kernel/op_library.h"
#include "graphrun/status.h"
#include "runtime/model/backend.h"

namespace graphrun::ops {

// The CPU with oneDNN and the kernels of ops/ that inference needs. threads 0: as many as this process may
// use (affinity, cgroup). The libraries' kernels for "cpu" are asked first; the backend keeps the libraries.
// To train, one of them is that of cpu_training.h.
Result<std::shared_ptr<model::Backend>> make_cpu_backend(int threads = 0, OpLibraries libraries = {});

}  // namespace graphrun::ops
