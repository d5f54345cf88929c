#pragma once

#include "exchange/from_onnx/step_graph.h"
#include "graphrun/status.h"

namespace graphrun::exchange::from_onnx {

// Rewrites a network to the form in which people write it and kernels are fastest: x sigmoid(x) as silu; relu
// and sums as parts of the batch norm or the sum before them. A convolution into which an exporter has folded
// its batch norm gets one back there, with mean 0, variance 1 and the convolution's bias. Steps that nothing
// reads go.
Status simplify(StepGraph& graph);

}  // namespace graphrun::exchange::from_onnx
