#include "runtime/collective/nccl.h"

namespace graphrun::collective {

std::string nccl_version() { return {}; }

Result<std::unique_ptr<Communicator>> make_nccl(Communicator&, void*) {
  return {ErrorCode::invalid_argument, "this build has no NCCL"};
}

}  // namespace graphrun::collective
