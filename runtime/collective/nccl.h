#pragma once

#include <memory>
#include <string>

#include "runtime/collective/communicator.h"

namespace graphrun::collective {

// "2.27.3"; empty in a build without NCCL.
std::string nccl_version();

// The ranks of `host`, for memory of a GPU each. `stream` (cudaStream_t) is where its kernels run: an
// operation begins after what is on it, and wait() makes it go on after the operation; operations run on a
// stream of their own. The device must be the calling thread's current one, one for each rank of a host.
// `host` must outlive the communicator. Errors: a build without NCCL, CUDA's and NCCL's own.
Result<std::unique_ptr<Communicator>> make_nccl(Communicator& host, void* stream);

}  // namespace graphrun::collective
