#include "runtime/weights/tensor_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "runtime/weights/pth.h"
#include "runtime/weights/safetensors.h"
#include "runtime/weights/tensor_file.h"

namespace graphrun::weights {
namespace {

static_assert(std::endian::native == std::endian::little, "the bytes of files are used as they are");

constexpr std::size_t kMaxNameLength = 1024;

bool starts_with(std::span<const std::byte> file, std::string_view magic) {
  return file.size() >= magic.size() && std::memcmp(file.data(), magic.data(), magic.size()) == 0;
}

Result<TensorTable> read_any(std::span<const std::byte> file) {
  if (starts_with(file, "PK\3\4")) return read_pth_zip(file);
  if (is_pth_legacy(file)) return read_pth_legacy(file);
  if (file.size() > 8 && file[8] == std::byte{'{'}) return read_safetensors(file);
  return {ErrorCode::invalid_file, file.empty() ? "the file is empty"
                                                : "neither a safetensors file nor a PyTorch checkpoint "
                                                  "(of a zip or the older pickle form)"};
}

}  // namespace

Status TensorTable::add(std::string_view name, const TensorDesc& desc, std::span<const std::byte> bytes) {
  if (name.empty() || name.size() > kMaxNameLength) {
    return {ErrorCode::invalid_file, "the tensor name " + quoted(name) + " is empty or too long"};
  }
  if (bytes.empty()) bytes = {};  // its address means nothing and may be misaligned
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % size_of(desc.dtype) != 0) {
    GRAPHRUN_ASSIGN(const std::span<std::byte> copy, allocate(static_cast<std::int64_t>(bytes.size())));
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    bytes = copy;
  }
  tensors.push_back({std::string(name), desc, bytes});
  return {};
}

Result<std::span<std::byte>> TensorTable::allocate(std::int64_t size) {
  if (size > budget_) return {ErrorCode::invalid_file, "the tensors are far larger than their file"};
  std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[static_cast<std::size_t>(size)]);
  if (memory == nullptr)
    return {ErrorCode::out_of_memory, "no " + std::to_string(size) + " bytes for a tensor"};
  budget_ -= size;
  owned_.push_back(std::move(memory));
  return std::span(owned_.back().get(), static_cast<std::size_t>(size));
}

Status TensorTable::sort() {
  std::ranges::sort(tensors, {}, &NamedTensor::name);
  const auto twice = std::ranges::adjacent_find(tensors, {}, &NamedTensor::name);
  if (twice == tensors.end()) return {};
  return {ErrorCode::invalid_file, "two tensors are named " + quoted(twice->name)};
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 120;
  std::string out = "'";
  for (const char c : text.substr(0, kLongest)) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    out += control ? '?' : c;
  }
  return out + (text.size() > kLongest ? "...'" : "'");
}

Result<TensorTable> read_tensors(std::span<const std::byte> file) {
  GRAPHRUN_ASSIGN(TensorTable table, read_any(file));
  GRAPHRUN_TRY(table.sort());
  std::erase_if(table.tensors, [](const NamedTensor& tensor) { return !canonical_name(tensor.name); });
  for (NamedTensor& tensor : table.tensors) tensor.name = std::string(*canonical_name(tensor.name));
  GRAPHRUN_TRY(table.sort());
  return table;
}

}  // namespace graphrun::weights
