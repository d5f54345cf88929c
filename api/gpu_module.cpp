#include "runtime/plugin/gpu_module.h"

#include <type_traits>

#include "ops/cuda_backend.h"
#include "runtime/collective/device_ranks.h"
#include "runtime/collective/nccl.h"
#include "runtime/core/build_stamp.h"
#include "runtime/cuda/device.h"
#include "runtime/imaging/cuda_label_accumulator.h"

// The GPU's library: what its rooms offer, behind the interface of runtime/plugin.
namespace graphrun {
namespace {

Result<std::unique_ptr<collective::Communicator>> join_nccl(collective::Communicator& host,
                                                            DeviceContext& gpu) {
  return collective::make_nccl(host, static_cast<cuda::Device&>(gpu).stream());
}

constexpr imaging::DeviceImaging kImaging{imaging::make_cuda_label_accumulator, imaging::free_gpu_bytes};
constexpr collective::DeviceRanks kRanks{join_nccl};

Result<std::shared_ptr<model::Backend>> make_backend(const plugin::GpuOptions& options) {
  return ops::make_cuda_backend(
      {options.device,
       options.tuning_file,
       options.libraries,
       {{imaging::DeviceImaging::kService, &kImaging}, {collective::DeviceRanks::kService, &kRanks}}});
}

std::vector<std::pair<std::string, std::string>> versions() {
  std::vector<std::pair<std::string, std::string>> all = ops::cuda_versions();
  if (const std::string nccl = collective::nccl_version(); !nccl.empty()) all.emplace_back("NCCL", nccl);
  return all;
}

constexpr plugin::GpuModule kModule{make_backend, ops::list_gpus, versions};

}  // namespace
}  // namespace graphrun

extern "C" const char* graphrun_module_stamp() { return graphrun::core::build_stamp().data(); }
static_assert(std::is_same_v<decltype(&graphrun_module_stamp), graphrun::plugin::GetModuleStamp>);

extern "C" const graphrun::plugin::GpuModule* graphrun_gpu_module() { return &graphrun::kModule; }
static_assert(std::is_same_v<decltype(&graphrun_gpu_module), graphrun::plugin::GetGpuModule>);
