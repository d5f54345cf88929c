#include "tools/gpu/module.h"

#include <type_traits>

#include "runtime/collective/nccl.h"
#include "runtime/cuda/device.h"
#include "tools/eval/cuda_planes.h"

namespace graphrun {
namespace {

Result<std::unique_ptr<Communicator>> join_nccl(Communicator& host, const Backend& gpu) {
  const auto turn = gpu.turn();
  return make_nccl(host, static_cast<cuda::Device*>(gpu.context())->stream());
}

std::vector<std::pair<std::string, std::string>> versions() {
  std::vector<std::pair<std::string, std::string>> all = cuda_versions();
  if (const std::string nccl = nccl_version(); !nccl.empty()) all.emplace_back("NCCL", nccl);
  return all;
}

}  // namespace
}  // namespace graphrun

extern "C" const graphrun::GpuModule* graphrun_gpu_module() {
  static const graphrun::GpuModule module{graphrun::GpuModule::kInterface,
                                          graphrun::make_cuda_backend,
                                          graphrun::list_gpus,
                                          graphrun::versions,
                                          graphrun::join_nccl,
                                          graphrun::make_cuda_planes,
                                          graphrun::free_gpu_bytes};
  return &module;
}
static_assert(std::is_same_v<decltype(&graphrun_gpu_module), graphrun::GetGpuModule>);
