#include "ops/cuda_backend.h"

// Stands in for cuda_backend.cpp in builds without CUDA.
namespace graphrun::ops {
namespace {

Status missing() { return {ErrorCode::unsupported, "this build is without CUDA and cuDNN"}; }

}  // namespace

Result<std::shared_ptr<model::Backend>> make_cuda_backend(const CudaOptions&) { return missing(); }
Result<std::vector<std::string>> list_gpus() { return missing(); }
std::vector<std::pair<std::string, std::string>> cuda_versions() { return {}; }

}  // namespace graphrun::ops
