#pragma once

#include <memory>

#include "runtime/imaging/label_accumulator.h"

namespace graphrun::imaging {

// Part of the GPU's library (GpuModule). Precondition: the backend is a GPU's.
std::unique_ptr<LabelAccumulator> make_cuda_label_accumulator(const std::shared_ptr<model::Backend>& backend,
                                                              const LabelAccumulator::Settings& settings);
// Bytes that could still be taken of a GPU.
Result<std::int64_t> free_gpu_bytes(const model::Backend& backend);

}  // namespace graphrun::imaging
