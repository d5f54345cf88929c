#pragma once

#include <memory>

#include "runtime/core/status.h"
#include "runtime/model/kernel.h"

namespace graphrun {

// The CPU with oneDNN and the kernels of ops/. threads 0: as many as this process may use (affinity, cgroup).
Result<std::shared_ptr<Backend>> make_cpu_backend(int threads = 0);

}  // namespace graphrun
