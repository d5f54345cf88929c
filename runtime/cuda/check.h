#pragma once

#include <cuda_runtime_api.h>

#include <string>
#include <string_view>

#include "graphrun/status.h"

namespace graphrun::cuda {

// Success, or "<what>: <CUDA's own words>". CUDA keeps an error until somebody asks: it is reported here, and
// the next launch is not to blame.
inline Status check(cudaError_t code, std::string_view what) {
  if (code == cudaSuccess) return {};
  cudaGetLastError();
  const ErrorCode kind = code == cudaErrorMemoryAllocation ? ErrorCode::out_of_memory : ErrorCode::io;
  return {kind, std::string(what) + ": " + cudaGetErrorString(code)};
}

// Whether the kernel that this thread launched last could be launched.
inline Status check_launch(std::string_view what) { return check(cudaGetLastError(), what); }

}  // namespace graphrun::cuda
