#pragma once

#include <cuda_runtime_api.h>

#include "graphrun/status.h"
#include "runtime/cuda/check.h"
#include "runtime/cuda/handle.h"

namespace graphrun::cuda {

using Stream = Handle<cudaStream_t, cudaStreamDestroy>;
using Event = Handle<cudaEvent_t, cudaEventDestroy>;

// A stream of the calling thread's GPU; it does not wait for the default stream.
inline Result<Stream> make_stream() {
  cudaStream_t stream = nullptr;
  GRAPHRUN_TRY(check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"));
  return Stream(stream);
}

// For order, not for time.
inline Result<Event> make_event() {
  cudaEvent_t event = nullptr;
  GRAPHRUN_TRY(check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags"));
  return Event(event);
}

}  // namespace graphrun::cuda
