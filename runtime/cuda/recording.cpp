#include "runtime/cuda/recording.h"

#include "runtime/cuda/check.h"

namespace graphrun::cuda {

Result<std::unique_ptr<graphrun::Recording>> Recording::make(Device& device,
                                                             const std::function<Status()>& enqueue) {
  const auto lock = device.turn();
  std::unique_ptr<Recording> recording(new Recording(device));
  GRAPHRUN_TRY(check(cudaStreamBeginCapture(device.stream(), cudaStreamCaptureModeThreadLocal),
                     "cudaStreamBeginCapture"));
  const Status enqueued = enqueue();
  cudaGraph_t captured = nullptr;
  const Status ended = check(cudaStreamEndCapture(device.stream(), &captured), "cudaStreamEndCapture");
  const Handle<cudaGraph_t, cudaGraphDestroy> graph(captured);
  if (!enqueued.ok()) cudaGetLastError();  // of the capture that `enqueue` broke
  GRAPHRUN_TRY(enqueued);
  GRAPHRUN_TRY(ended);
  cudaGraphExec_t exec = nullptr;
  GRAPHRUN_TRY(check(cudaGraphInstantiate(&exec, captured, 0), "cudaGraphInstantiate"));
  recording->exec_ = Handle<cudaGraphExec_t, cudaGraphExecDestroy>(exec);
  return std::unique_ptr<graphrun::Recording>(std::move(recording));
}

Status Recording::replay() {
  const auto lock = device_.turn();
  return check(cudaGraphLaunch(exec_.get(), device_.stream()), "cudaGraphLaunch");
}

}  // namespace graphrun::cuda
