#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/kernel/kernel.h"
#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "runtime/model/backend.h"
#include "runtime/weights/tensor_file.h"

namespace graphrun::weights {

// What a kernel prepares of its constants. `key` must name the kernel's form and its variables; `path` is the
// node's, for errors.
struct PackedWeights {
  std::string_view path;
  const std::string& key;
  const Kernel& kernel;
  std::span<const TensorView> inputs;
};

// The forms of some weights that kernels have prepared, each computed once, or mapped from a file that an
// earlier process kept. Thread-safe.
class PackedWeightsCache {
 public:
  // Memory of each form, for this version of the weights; what is not there yet is computed, several at once.
  // Valid while this lives; a later version may give a form other memory. `made` is called with the inputs of
  // a form that was computed, on any thread.
  Result<std::vector<const void*>> get(std::span<const PackedWeights> forms, std::uint64_t version,
                                       model::Backend& backend,
                                       const std::function<void(std::span<const TensorView>)>& made);

  // Forms that are asked for later come from this file if it has them. `version` is the weights' now.
  // Errors: not_found; invalid_file where `identity` is not the one that it was kept with, or where the file
  // is not this user's alone, since what is in it cannot be checked. Precondition: get() was not called.
  Status open(const std::string& path, std::string_view identity, std::uint64_t version);
  // Writes the forms of `version` that were asked for, and the opened file's others where those are not more,
  // readable by this user alone. Nothing where none was computed since. Meanwhile get() waits.
  Status keep(const std::string& path, const std::string& identity, std::uint64_t version) const;

 private:
  struct Entry {
    std::unique_ptr<model::Buffer> buffer;  // null while the form is the file's
    std::span<const std::byte> of_file;     // empty: it is computed
    std::uint64_t version = 0;
    const void* memory() const;
  };
  bool take_from_file(const std::string& key, std::int64_t bytes, std::uint64_t version, Entry& entry) const;

  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, Entry> entries_;
  std::shared_ptr<const TensorFile> file_;
  std::uint64_t file_version_ = 0;
};

}  // namespace graphrun::weights
