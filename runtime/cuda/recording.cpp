#include "runtime/cuda/recording.h"

#include "runtime/cuda/check.h"

namespace graphrun::cuda {

namespace {

// A stream whose work is kept instead of done until end() or, where that is never reached, the end of this.
class Capture {
 public:
  explicit Capture(cudaStream_t stream) : stream_(stream) {}
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() {
    if (!active_) return;
    cudaGraph_t unfinished = nullptr;
    cudaStreamEndCapture(stream_, &unfinished);
    if (unfinished != nullptr) cudaGraphDestroy(unfinished);
    cudaGetLastError();  // the next launch is not to blame
  }
  Status begin() {
    GRAPHRUN_TRY(
        check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture"));
    active_ = true;
    return {};
  }
  Result<cudaGraph_t> end() {
    active_ = false;
    cudaGraph_t graph = nullptr;
    GRAPHRUN_TRY(check(cudaStreamEndCapture(stream_, &graph), "cudaStreamEndCapture"));
    return graph;
  }

 private:
  cudaStream_t stream_;
  bool active_ = false;
};

// Work that cannot be recorded can still be started step by step, where what is wrong shows again if it has
// nothing to do with recording.
Status declined(const Status& status) { return {ErrorCode::declined, status.message()}; }

}  // namespace

Result<std::unique_ptr<graphrun::Recording>> Recording::make(Device& device,
                                                             const std::function<Status()>& enqueue) {
  const auto lock = device.lock();
  std::unique_ptr<Recording> recording(new Recording(device));
  Capture capture(device.stream());
  GRAPHRUN_TRY(capture.begin());
  if (const Status enqueued = enqueue(); !enqueued.ok()) return declined(enqueued);
  const Result<cudaGraph_t> captured = capture.end();
  if (!captured.ok()) return declined(captured.status());
  const Handle<cudaGraph_t, cudaGraphDestroy> graph(*captured);
  cudaGraphExec_t exec = nullptr;
  const Status made = check(cudaGraphInstantiate(&exec, graph.get(), 0), "cudaGraphInstantiate");
  if (!made.ok()) return declined(made);
  recording->exec_ = Handle<cudaGraphExec_t, cudaGraphExecDestroy>(exec);
  return std::unique_ptr<graphrun::Recording>(std::move(recording));
}

Status Recording::replay() {
  const auto lock = device_.lock();
  return check(cudaGraphLaunch(exec_.get(), device_.stream()), "cudaGraphLaunch");
}

}  // namespace graphrun::cuda
