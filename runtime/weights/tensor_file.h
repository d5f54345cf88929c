#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "graphrun/status.h"
#include "runtime/core/mapped_file.h"
#include "runtime/weights/tensor_table.h"

namespace graphrun::weights {

// The name under which a checkpoint's tensor is known: without a leading "module." (DataParallel's). Nothing
// for tensors that are no weights: "num_batches_tracked" counters and "criterion.*". The result views `name`.
std::optional<std::string_view> canonical_name(std::string_view name);

// An opened .safetensors or PyTorch checkpoint (zip or the older form), told apart by content. Immutable: may
// be shared by threads. Inside a checkpoint the dictionary "state_dict" or "model" is entered if there is
// one, and those in it.
class TensorFile {
 public:
  // Errors: not_found, io, invalid_file, unsupported; all name the path.
  static Result<std::shared_ptr<const TensorFile>> open(const std::string& path);
  // In a part of a file, whose identity() is all of its.
  static Result<std::shared_ptr<const TensorFile>> open_part(std::shared_ptr<const core::MappedFile> file,
                                                             std::span<const std::byte> part);

  // Canonical names, sorted, each once. Bytes stay valid while this lives; most are views of the mapped file.
  std::span<const NamedTensor> tensors() const { return table_.tensors; }
  // Null if there is none of this name.
  const NamedTensor* find(std::string_view name) const;
  // safetensors' "__metadata__"; empty for the other formats.
  const std::map<std::string, std::string>& metadata() const { return table_.metadata; }

  // As MappedFile's; `bytes` that are no view of the file are left alone.
  void release(std::span<const std::byte> bytes) const;
  void populate(std::span<const std::byte> bytes) const;
  const std::string& identity() const { return file_->identity(); }
  bool is_private() const { return file_->is_private(); }

 private:
  TensorFile(std::shared_ptr<const core::MappedFile> file, TensorTable table)
      : file_(std::move(file)), table_(std::move(table)) {}
  bool is_view(std::span<const std::byte> bytes) const;
  std::shared_ptr<const core::MappedFile> file_;
  TensorTable table_;
};

}  // namespace graphrun::weights
