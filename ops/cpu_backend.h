#pragma once

#include <memory>

#include "graphrun/status.h"
#include "runtime/model/backend.h"

namespace graphrun::ops {

// The CPU with oneDNN and the kernels of ops/. threads 0: as many as this process may use (affinity, cgroup).
Result<std::shared_ptr<model::Backend>> make_cpu_backend(int threads = 0);

}  // namespace graphrun::ops
