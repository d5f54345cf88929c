#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>

#include "graphrun/status.h"
#include "runtime/core/atomic_file.h"
#include "runtime/weights/bundle.h"
#include "runtime/weights/tensor_table.h"

// https://github.com/huggingface/safetensors: 8 bytes header length, JSON header, tensor bytes without holes.
namespace graphrun::weights {

// `file` must outlive the table. Strict: every byte belongs to exactly one tensor. Names are those of the
// file.
Result<TensorTable> read_safetensors(std::span<const std::byte> file);

// Writes the tensors in the given order, whole or not at all, without copying them. The first starts at a
// multiple of 64 bytes; larger element types first keep every tensor aligned, so that readers need no copy.
// Names must differ and be UTF-8. `written` is called after each tensor.
Status write_safetensors(const std::string& path, std::span<const NamedTensor> tensors,
                         const std::map<std::string, std::string>& metadata,
                         core::AtomicFile::Access access = core::AtomicFile::Access::shared,
                         const std::function<void(const NamedTensor&)>& written = {});
// Gives the bytes of such a file to whoever takes them.
Status emit_safetensors(std::span<const NamedTensor> tensors,
                        const std::map<std::string, std::string>& metadata, const ByteSink& sink,
                        const std::function<void(const NamedTensor&)>& written = {});

}  // namespace graphrun::weights
