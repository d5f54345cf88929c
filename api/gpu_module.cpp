#include "runtime/plugin/gpu_module.h"

#include <type_traits>

#include "runtime/collective/nccl.h"
#include "runtime/cuda/device.h"
#include "runtime/imaging/cuda_planes.h"

namespace graphrun {
namespace {

Result<std::unique_ptr<collective::Communicator>> join_nccl(collective::Communicator& host,
                                                            const model::Backend& gpu) {
  const auto turn = gpu.turn();
  return collective::make_nccl(host, static_cast<cuda::Device*>(gpu.context())->stream());
}

std::vector<std::pair<std::string, std::string>> versions() {
  std::vector<std::pair<std::string, std::string>> all = ops::cuda_versions();
  if (const std::string nccl = collective::nccl_version(); !nccl.empty()) all.emplace_back("NCCL", nccl);
  return all;
}

}  // namespace
}  // namespace graphrun

extern "C" const graphrun::plugin::GpuModule* graphrun_gpu_module() {
  static const graphrun::plugin::GpuModule module{graphrun::plugin::GpuModule::kInterface,
                                                  graphrun::ops::make_cuda_backend,
                                                  graphrun::ops::list_gpus,
                                                  graphrun::versions,
                                                  graphrun::join_nccl,
                                                  graphrun::imaging::make_cuda_planes,
                                                  graphrun::imaging::free_gpu_bytes};
  return &module;
}
static_assert(std::is_same_v<decltype(&graphrun_gpu_module), graphrun::plugin::GetGpuModule>);
