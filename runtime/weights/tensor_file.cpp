#include "runtime/weights/tensor_file.h"

#include <algorithm>
#include <functional>

#include "runtime/core/crc32c.h"
#include "runtime/core/guard.h"

namespace graphrun::weights {

Result<std::shared_ptr<const TensorFile>> TensorFile::open(const std::string& path,
                                                           const TensorChoice& choice) try {
  GRAPHRUN_ASSIGN(std::shared_ptr<const core::MappedFile> file, core::MappedFile::open(path));
  const std::span<const std::byte> bytes = file->bytes();
  GRAPHRUN_ASSIGN(TensorTable table, read_tensors(bytes, choice).with_context(path));
  return std::shared_ptr<const TensorFile>(new TensorFile(std::move(file), std::move(table)));
} catch (...) {
  return core::caught();
}

Result<std::shared_ptr<const TensorFile>> TensorFile::open_part(std::shared_ptr<const core::MappedFile> file,
                                                                std::span<const std::byte> part) try {
  GRAPHRUN_ASSIGN(TensorTable table, read_tensors(part));
  return std::shared_ptr<const TensorFile>(new TensorFile(std::move(file), std::move(table)));
} catch (...) {
  return core::caught();
}

const NamedTensor* TensorFile::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(table_.tensors, name, {}, &NamedTensor::name);
  return found != table_.tensors.end() && found->name == name ? &*found : nullptr;
}

std::string_view TensorFile::unusable(std::string_view name) const {
  const auto found = table_.unusable.find(name);
  return found == table_.unusable.end() ? std::string_view() : std::string_view(found->second);
}

bool TensorFile::is_view(std::span<const std::byte> bytes) const {
  const std::span<const std::byte> all = file_->bytes();
  const std::less_equal<> ordered;
  return ordered(all.data(), bytes.data()) && ordered(bytes.data() + bytes.size(), all.data() + all.size());
}

std::string TensorFile::place_of(const NamedTensor& tensor) const {
  if (is_view(tensor.bytes)) return "at " + std::to_string(tensor.bytes.data() - file_->bytes().data());
  return "with " + std::to_string(core::crc32c(tensor.bytes));
}

void TensorFile::release(std::span<const std::byte> bytes) const {
  if (is_view(bytes)) file_->release(bytes);
}

void TensorFile::populate(std::span<const std::byte> bytes) const {
  if (is_view(bytes)) file_->populate(bytes);
}

}  // namespace graphrun::weights
