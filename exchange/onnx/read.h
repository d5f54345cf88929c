#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "exchange/onnx/model.h"
#include "graphrun/status.h"
#include "runtime/core/mapped_file.h"

namespace graphrun::exchange::onnx {

// The model of a file's bytes, which it views. Bytes are anybody's: memory beside them is at most four times
// their number plus 64 MiB; tensors are as long as dims and type say; nothing is recursive. Not checked: what
// the graph means (names, types, whether nodes are in order). Errors: invalid_file; unsupported: content in
// other files, sparse tensors, functions.
Result<Model> parse_model(std::span<const std::byte> file);

// A mapped file with its model.
struct ModelFile {
  std::shared_ptr<const core::MappedFile> file;
  Model model;
};
// Errors: those of parse_model and MappedFile::open; all name the path.
Result<ModelFile> read_model(const std::string& path);

}  // namespace graphrun::exchange::onnx
