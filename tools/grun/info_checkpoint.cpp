#include "tools/grun/info_checkpoint.h"
#include "tools/terminal/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "runtime/core/mapped_file.h"
#include "runtime/weights/pth.h"
#include "runtime/weights/tensor_file.h"

namespace graphrun::tools {
namespace {

constexpr std::size_t kShown = 12;

void print_types(const weights::TensorFile& file) {
  std::map<std::string, std::pair<std::size_t, std::int64_t>> by_type;  // tensors, elements
  for (const weights::NamedTensor& tensor : file.tensors()) {
    auto& [tensors, elements] = by_type[std::string(to_string(tensor.desc.dtype))];
    ++tensors;
    elements += tensor.desc.shape.count();
  }
  for (const auto& [type, counts] : by_type)
    print("{:<12} {} tensors, {:.3f} M elements\n", type, counts.first,
          static_cast<double>(counts.second) / 1e6);
}

void print_tensors(const weights::TensorFile& file, bool all) {
  const std::size_t shown = all ? file.tensors().size() : std::min(file.tensors().size(), kShown);
  for (const weights::NamedTensor& tensor : file.tensors().first(shown))
    print("  {:<60} {} {}\n", tensor.name, to_string(tensor.desc.dtype), to_string(tensor.desc.shape));
  if (shown < file.tensors().size())
    print("  ... and {} more (-v lists all)\n", file.tensors().size() - shown);
}

}  // namespace

Result<bool> is_checkpoint(const std::string& path) {
  GRAPHRUN_ASSIGN(const std::shared_ptr<const core::MappedFile> file, core::MappedFile::open(path));
  const std::span<const std::byte> bytes = file->bytes();
  if (bytes.size() < 9) return false;
  const bool is_zip = bytes[0] == std::byte{'P'} && bytes[1] == std::byte{'K'};
  const bool is_safetensors = bytes[8] == std::byte{'{'} && bytes[7] == std::byte{0};
  return is_zip || is_safetensors || weights::is_pth_legacy(bytes);
}

Status print_checkpoint(const std::string& path, const weights::TensorChoice& choice,
                        const CommonOptions& options) {
  GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                  weights::TensorFile::open(path, choice));
  print("{}\n", path);
  if (file->keys().size() > 1 || (!file->keys().empty() && !file->keys()[0].key.empty())) {
    print("dictionaries of tensors (--key)\n");
    for (const weights::TensorTable::Key& key : file->keys())
      print("  {:<60} {} tensors\n", key.key.empty() ? "(the top)" : key.key, key.tensors);
  }
  if (!options.quiet) {
    print("tensors\n");
    print_tensors(*file, options.verbose);
  }
  for (const auto& [key, value] : file->metadata()) {
    constexpr std::size_t kLongest = 60;
    print("{:<20} {}\n", key, value.size() > kLongest ? value.substr(0, kLongest) + "..." : value);
  }
  print_types(*file);
  return {};
}

}  // namespace graphrun::tools
