#pragma once

#include <map>
#include <string>

#include "exchange/to_onnx/to_onnx.h"
#include "runtime/model/graph.h"

namespace graphrun::exchange::to_onnx {

// What whoever runs the exported model must know besides it: name to JSON text (doc/exchange.md).
std::map<std::string, std::string> metadata(const model::Model& model, const Options& options);

}  // namespace graphrun::exchange::to_onnx
