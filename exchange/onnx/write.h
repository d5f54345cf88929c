#pragma once

#include <string>

#include "exchange/onnx/model.h"

namespace graphrun::exchange::onnx {

// Messages of Protocol Buffers end here; readers refuse longer ones.
inline constexpr std::int64_t kMaxModelBytes = (std::int64_t{1} << 31) - 1;

// Writes the model to one file, whole or not at all. The same model gives the same bytes. Memory: the graph
// without its initializers, and a buffer; content that is written later is never held whole. Errors: the
// disk's, those of WrittenLater, unsupported where the file would be longer than kMaxModelBytes.
// Precondition: every tensor's content is as long as its dims and type say.
Status write_model(const Model& model, const std::string& path);

}  // namespace graphrun::exchange::onnx
