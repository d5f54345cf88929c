#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>

#include "graphrun/status.h"
#include "runtime/weights/pickle.h"
#include "runtime/weights/tensor_choice.h"
#include "runtime/weights/tensor_table.h"

// Checkpoints that torch.save wrote: a pickle whose tensors refer to storages, and the storages' bytes.
// `file` must outlive what is read.
namespace graphrun::weights {

// The zip form (PyTorch 1.6 and later). Its members are stored, never compressed.
Result<TensorTable> read_pth_zip(std::span<const std::byte> file, const TensorChoice& choice = {});

// The older form: five pickles in a row, then the storages.
bool is_pth_legacy(std::span<const std::byte> file);
Result<TensorTable> read_pth_legacy(std::span<const std::byte> file, const TensorChoice& choice = {});

// Bytes of the storages, by key.
using PthRecords = std::unordered_map<std::string_view, std::span<const std::byte>>;

// A reference to a storage, as a checkpoint's pickle has it.
struct PthStorage {
  std::string_view key;
  std::string_view type;          // "FloatStorage"
  std::int64_t element_size = 0;  // bytes
  std::optional<DType> dtype;     // where tensors can have it
  std::string_view elements;      // what its elements are called, outliving the file
  std::int64_t bytes = 0;         // of the whole record
  std::int64_t first = 0;         // the elements that it stands for: all, or in old files a part
  std::int64_t count = 0;
};
// Precondition: `object` is of kind storage.
Result<PthStorage> pth_storage(const Pickle& pickle, const PickleObject& object);

// The tensors of the dictionary that is chosen, under the names that the choice gives them; other values
// there are ignored.
Result<TensorTable> pth_tensors(const Pickle& pickle, const PthRecords& records, std::size_t file_size,
                                const TensorChoice& choice);

}  // namespace graphrun::weights
