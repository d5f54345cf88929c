#pragma once

#include <cuda_runtime_api.h>

#include <functional>
#include <memory>

#include "graphrun/kernel/device_context.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/handle.h"

namespace graphrun::cuda {

// Work of a device's stream as one CUDA graph.
class Recording final : public graphrun::Recording {
 public:
  // Calls `enqueue`, whose work is recorded and not done. It must not wait for the device or allocate.
  // Declines what cannot be recorded; the stream is as before then.
  static Result<std::unique_ptr<graphrun::Recording>> make(Device& device,
                                                           const std::function<Status()>& enqueue);
  // Starts the work once more, with the addresses it had.
  Status replay() override;

 private:
  explicit Recording(Device& device) : device_(device) {}
  Device& device_;
  Handle<cudaGraphExec_t, cudaGraphExecDestroy> exec_;
};

}  // namespace graphrun::cuda
