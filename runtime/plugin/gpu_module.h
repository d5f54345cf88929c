#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graphrun/kernel/op_library.h"
#include "graphrun/status.h"
#include "runtime/model/backend.h"

namespace graphrun::plugin {

struct GpuOptions {
  int device = 0;  // as CUDA counts them
  // File that remembers which of cuDNN's convolutions is the fastest for a shape, read at the start and
  // written as more is measured; empty: measured anew in each process.
  std::string tuning_file{};
  OpLibraries libraries{};  // whose kernels for "cuda" are asked first
};

// What programs use of the GPU. A library of its own, opened when a GPU is asked for: CUDA's libraries are
// hundreds of megabytes, which a program that computes on the CPU neither loads nor needs to have.
struct GpuModule {
  // Its services (Backend::service): imaging::DeviceImaging, collective::DeviceRanks.
  Result<std::shared_ptr<model::Backend>> (*make_backend)(const GpuOptions& options);
  // A line for each GPU, or why there is none.
  Result<std::vector<std::string>> (*list_gpus)();
  // Versions of the libraries in use, by name.
  std::vector<std::pair<std::string, std::string>> (*versions)();
};

inline constexpr char kGpuLibrary[] = "libgraphrun_gpu.so";
// The library's functions: core::build_stamp() of its build, compared before anything else of it is used, and
// the module.
inline constexpr char kModuleStampFunction[] = "graphrun_module_stamp";
using GetModuleStamp = const char* (*)();
inline constexpr char kGpuFunction[] = "graphrun_gpu_module";
using GetGpuModule = const GpuModule* (*)();

// Opens the library, which stays open. Errors (unsupported): this build is without, a library that it needs
// is not on this machine (the message names it), or the library is of another build than this program.
Result<const GpuModule*> gpu_module(const char* library = kGpuLibrary);

}  // namespace graphrun::plugin
