#pragma once

#include <memory>

#include "tools/eval/planes.h"

namespace graphrun {

// Part of the GPU's library (GpuModule). Precondition: the backend is a GPU's.
std::unique_ptr<Planes> make_cuda_planes(const std::shared_ptr<Backend>& backend,
                                         const Planes::Settings& settings);
// Bytes that could still be taken of a GPU.
Result<std::int64_t> free_gpu_bytes(const Backend& backend);

}  // namespace graphrun
