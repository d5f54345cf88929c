#pragma once

#include "exchange/onnx/model.h"
#include "graphrun/status.h"
#include "runtime/model/program.h"
#include "runtime/session/dims.h"
#include "runtime/weights/weights.h"

namespace graphrun::exchange::to_onnx {

inline constexpr std::int64_t kOpset = 17;

// What stands in the place of the logits, (N, classes, H, W) in f32.
enum class OutputKind : std::uint8_t {
  logits,
  classes,        // (N, H, W): the class with the largest logit; u8, or i32 where there are more than 256
  probabilities,  // softmax of the logits
};

struct Options {
  // Shapes of inputs by name, such as image_shapes() gives; empty: sizes stay open (N, H, W).
  session::InputShapes shapes{};
  OutputKind output = OutputKind::logits;
  // The image is taken as it is stored, (N, H, W, channels) in the model's pixel type, and normalised by the
  // graph.
  bool pixels = false;
  // In 8 bits what the weights have so (quantised()), as QuantizeLinear and DequantizeLinear say it.
  bool eight_bits = false;
};

// The method eval in ONNX's own ops, batch norm folded into convolutions. Names, colours, preprocessing and
// sizes are in the metadata (doc/exchange.md). The result has views of the weights, which must outlive it and
// be the program's. The same program, weights and options give the same model.
//
// In 8 bits each activation that has a scale is followed by QuantizeLinear and DequantizeLinear, a weight of
// integers by DequantizeLinear with a scale for each output channel, into which batch norm is folded; biases
// of convolutions are integers of 32 bits where their scale allows it. Whoever runs the file finds what can
// be computed with integers.
//
// Errors: shapes that the model refuses; unsupported: a node that ONNX has nothing for, or, where sizes stay
// open, one that must know them (both name the node); a model without image or logits where options ask for
// them.
Result<onnx::Model> translate(const model::Program& program, const weights::Weights& weights,
                              const Options& options);

}  // namespace graphrun::exchange::to_onnx
