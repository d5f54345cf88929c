#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graphrun/status.h"
#include "ops/cuda_backend.h"
#include "runtime/collective/communicator.h"
#include "runtime/imaging/planes.h"
#include "runtime/model/backend.h"

namespace graphrun::plugin {

// What programs use of the GPU. A library of its own, opened when a GPU is asked for: CUDA's libraries are
// hundreds of megabytes, which a program that computes on the CPU neither loads nor needs to have.
struct GpuModule {
  // Of this struct and of all classes that pass through it: to be raised with any change.
  static constexpr int kInterface = 1;
  int interface;
  Result<std::shared_ptr<model::Backend>> (*make_backend)(const ops::CudaOptions& options);
  Result<std::vector<std::string>> (*list_gpus)();
  // By name.
  std::vector<std::pair<std::string, std::string>> (*versions)();
  // The ranks of `host`, which must outlive it, with memory of the GPU. Collective.
  Result<std::unique_ptr<collective::Communicator>> (*join_nccl)(collective::Communicator& host,
                                                                 const model::Backend& gpu);
  // Of an evaluation whose network runs on this GPU.
  std::unique_ptr<imaging::Planes> (*make_planes)(const std::shared_ptr<model::Backend>& gpu,
                                                  const imaging::Planes::Settings& settings);
  // That could still be taken.
  Result<std::int64_t> (*free_bytes)(const model::Backend& gpu);
};

inline constexpr char kGpuLibrary[] = "libgraphrun_gpu.so";
inline constexpr char kGpuFunction[] = "graphrun_gpu_module";
using GetGpuModule = const GpuModule* (*)();

// Errors (unsupported): this build is without, or a library that it needs is not on this machine; the message
// names it.
Result<const GpuModule*> gpu_module();

}  // namespace graphrun::plugin
