#include "runtime/weights/tensor_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "runtime/weights/other_file.h"
#include "runtime/weights/pth.h"
#include "runtime/weights/safetensors.h"

namespace graphrun::weights {
namespace {

static_assert(std::endian::native == std::endian::little, "the bytes of files are used as they are");

constexpr std::size_t kMaxNameLength = 1024;

bool starts_with(std::span<const std::byte> file, std::string_view magic) {
  return file.size() >= magic.size() && std::memcmp(file.data(), magic.data(), magic.size()) == 0;
}

// A safetensors file has no dictionaries in it, but its names have prefixes all the same.
Status choose_names(TensorTable& table, const TensorChoice& choice) {
  if (!choice.key.empty())
    return {ErrorCode::invalid_argument,
            "--key " + choice.key + ": a safetensors file has no keys to choose from"};
  TensorNest all{{""}, {}, {}};
  for (const NamedTensor& tensor : table.tensors) all.names.push_back(tensor.name);
  for (const auto& [name, what] : table.unusable) all.names.push_back(name);
  for (std::size_t i = 0; i < all.names.size(); ++i) all.tensors.push_back(static_cast<std::uint32_t>(i));
  if (all.names.empty()) return {};
  GRAPHRUN_ASSIGN(const ChosenTensors chosen, choose_tensors(std::span(&all, 1), choice));
  table.note = chosen.note;
  std::map<std::string, std::string, std::less<>> unusable;
  for (const auto& [name, what] : table.unusable) {
    if (const std::optional<std::string> known = chosen_name(name, chosen, choice)) unusable[*known] = what;
  }
  table.unusable = std::move(unusable);
  std::vector<NamedTensor> kept;
  for (NamedTensor& tensor : table.tensors) {
    const std::optional<std::string> known = chosen_name(tensor.name, chosen, choice);
    if (!known) continue;
    tensor.name = *known;
    kept.push_back(std::move(tensor));
  }
  table.tensors = std::move(kept);
  return {};
}

Result<TensorTable> read_any(std::span<const std::byte> file, const TensorChoice& choice) {
  if (starts_with(file, "PK\3\4")) return read_pth_zip(file, choice);
  if (is_pth_legacy(file)) return read_pth_legacy(file, choice);
  if (const std::string other = describe_other_file(file); !other.empty())
    return {ErrorCode::invalid_file, other};
  if (file.size() <= 8 || file[8] != std::byte{'{'}) {
    return {ErrorCode::invalid_file,
            "neither a safetensors file nor a PyTorch checkpoint (of a zip or the older pickle form)"};
  }
  GRAPHRUN_ASSIGN(TensorTable table, read_safetensors(file));
  GRAPHRUN_TRY(table.sort());
  GRAPHRUN_TRY(choose_names(table, choice));
  return table;
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
  GRAPHRUN_TRY(budget_.charge(size));
  std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[static_cast<std::size_t>(size)]);
  if (memory == nullptr)
    return {ErrorCode::out_of_memory, "no " + std::to_string(size) + " bytes for a tensor"};
  owned_.push_back(std::move(memory));
  return std::span(owned_.back().get(), static_cast<std::size_t>(size));
}

void TensorTable::add_unusable(std::string_view name, std::string_view what) {
  unusable[std::string(name.substr(0, kMaxNameLength))] = what;
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

Result<TensorTable> read_tensors(std::span<const std::byte> file, const TensorChoice& choice) {
  GRAPHRUN_ASSIGN(TensorTable table, read_any(file, choice));
  GRAPHRUN_TRY(table.sort());
  if (!table.tensors.empty() || table.unusable.empty()) return table;
  const auto& [name, what] = *table.unusable.begin();
  return {ErrorCode::unsupported,
          "none of the file's tensors has elements that weights can have (f32, f16, bf16, f64); tensor " +
              quoted(name) + " is " + what};
}

}  // namespace graphrun::weights
