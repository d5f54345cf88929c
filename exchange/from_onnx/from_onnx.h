#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "exchange/from_onnx/step_graph.h"
#include "exchange/onnx/model.h"
#include "graphrun/status.h"
#include "runtime/weights/tensor_table.h"

namespace graphrun::exchange::from_onnx {

// Versions of ONNX's ops that are read.
inline constexpr std::int64_t kFirstOpset = 13;
inline constexpr std::int64_t kLastOpset = 22;

struct Imported {
  std::string graph;  // a graph file (doc/format.md)
  // Its parameters and buffers, which view the ONNX model or `storage`.
  std::vector<weights::NamedTensor> tensors;
  StepGraph storage;
  // What our own exporter left in the metadata; else empty.
  std::vector<std::string> class_names;
  std::vector<std::uint8_t> palette;
};

// A network for inference as a graph file of graphrun's ops and its weights. `file_bytes`: the length of the
// file that the model was read from, by which memory is limited. The model must outlive the result.
//
// Errors name the node, its op, what is expected, and what can be done: invalid_file, unsupported.
Result<Imported> translate(const onnx::Model& model, const OpRegistry& ops, std::size_t file_bytes);

}  // namespace graphrun::exchange::from_onnx
