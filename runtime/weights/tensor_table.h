#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "runtime/core/read_budget.h"
#include "runtime/weights/tensor_choice.h"

namespace graphrun::weights {

// A tensor of a file. `bytes` is desc.bytes() long, little endian, aligned to the element size, and belongs
// to whoever gave it.
struct NamedTensor {
  std::string name;
  TensorDesc desc;  // dense
  std::span<const std::byte> bytes;
};

// What a reader finds in the bytes of a file: tensors that view those bytes, or memory of the table where the
// file's bytes are misaligned or strided.
class TensorTable {
 public:
  // A file may make the table copy four times its own size plus 1 MiB, whatever it claims.
  explicit TensorTable(std::size_t file_size) : budget_("the tensors", file_size, 4, std::int64_t{1} << 20) {}

  // Precondition: bytes.size() == desc.bytes().
  Status add(std::string_view name, const TensorDesc& desc, std::span<const std::byte> bytes);
  // Memory for a tensor's copy; lives as long as the table.
  Result<std::span<std::byte>> allocate(std::int64_t size);
  // A tensor that weights cannot be; `what`: its element type or kind.
  void add_unusable(std::string_view name, std::string_view what);
  // Sorts the tensors; two of one name are an error.
  Status sort();

  std::vector<NamedTensor> tensors;
  std::map<std::string, std::string> metadata;
  std::map<std::string, std::string, std::less<>> unusable;  // what they are, by name
  // A checkpoint's dictionaries of tensors.
  struct Key {
    std::string key;
    std::size_t tensors = 0;
  };
  std::vector<Key> keys;
  std::string note;  // of the choice of tensors (ChosenTensors)

 private:
  std::vector<std::unique_ptr<std::byte[]>> owned_;
  core::ReadBudget budget_;
};

// Text from a file, fit for a message: quoted, control characters replaced, shortened.
std::string quoted(std::string_view text);

// Reads the tensors that `choice` means from a file's bytes, in whichever format they are, and sorts them.
Result<TensorTable> read_tensors(std::span<const std::byte> file, const TensorChoice& choice = {});

}  // namespace graphrun::weights
