#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "graphrun/status.h"
#include "runtime/core/mapped_file.h"
#include "runtime/weights/tensor_choice.h"
#include "runtime/weights/tensor_table.h"

namespace graphrun::weights {

// An opened .safetensors or PyTorch checkpoint (zip or the older form), told apart by content. Immutable: may
// be shared by threads.
class TensorFile {
 public:
  // The tensors that `choice` means. Errors: not_found, io, invalid_file, unsupported, and invalid_argument
  // where the choice fits none or several; all name the path.
  static Result<std::shared_ptr<const TensorFile>> open(const std::string& path,
                                                        const TensorChoice& choice = {});
  // In a part of a file, whose identity() is all of its.
  static Result<std::shared_ptr<const TensorFile>> open_part(std::shared_ptr<const core::MappedFile> file,
                                                             std::span<const std::byte> part);

  // Sorted by name, each name once. Bytes stay valid while this lives; most are views of the mapped file.
  std::span<const NamedTensor> tensors() const { return table_.tensors; }
  // Null if there is none of this name.
  const NamedTensor* find(std::string_view name) const;
  // What a tensor is that weights cannot be, such as "sparse" or "bool"; empty: there is none of this name.
  std::string_view unusable(std::string_view name) const;
  // The dictionaries of tensors in a checkpoint; empty for safetensors.
  std::span<const TensorTable::Key> keys() const { return table_.keys; }
  // What is worth knowing of which tensors were taken; empty: nothing.
  const std::string& note() const { return table_.note; }
  // safetensors' "__metadata__"; empty for the other formats.
  const std::map<std::string, std::string>& metadata() const { return table_.metadata; }

  // MappedFile::release() and populate() of the file; `bytes` that are no view of it are left alone.
  void release(std::span<const std::byte> bytes) const;
  void populate(std::span<const std::byte> bytes) const;
  const std::string& identity() const { return file_->identity(); }
  // Tells tensors of this file apart: by place, or by content where the bytes are no view of the file.
  std::string place_of(const NamedTensor& tensor) const;
  bool is_private() const { return file_->is_private(); }

 private:
  TensorFile(std::shared_ptr<const core::MappedFile> file, TensorTable table)
      : file_(std::move(file)), table_(std::move(table)) {}
  bool is_view(std::span<const std::byte> bytes) const;
  std::shared_ptr<const core::MappedFile> file_;
  TensorTable table_;
};

}  // namespace graphrun::weights
