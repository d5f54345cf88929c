#include "exchange/onnx/tensor_reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "exchange/onnx/fields.h"

namespace graphrun::exchange::onnx {
namespace {

template <class T>
void append_bytes(T value, std::vector<std::byte>& out) {
  const auto bytes = std::bit_cast<std::array<std::byte, sizeof(T)>>(value);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Elements of `size` bytes, the low ones of each number.
Status append_low_bytes(const Field& field, std::size_t size, ReadBudget& budget,
                        std::vector<std::byte>& out) {
  std::vector<std::int64_t> numbers;
  GRAPHRUN_TRY(append_integers(field, budget, numbers));
  GRAPHRUN_TRY(budget.charge(numbers.size() * size));
  for (const std::int64_t number : numbers) {
    std::byte bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    out.insert(out.end(), bytes, bytes + size);
  }
  return {};
}

// Packed elements stand in the file as they stand in memory; one that is not packed is a fixed number.
Status append_fixed(const Field& field, ReadBudget& budget, std::vector<std::byte>& out) {
  if (field.type == WireType::bytes) {
    GRAPHRUN_TRY(budget.charge(field.bytes.size()));
    out.insert(out.end(), field.bytes.begin(), field.bytes.end());
    return {};
  }
  GRAPHRUN_TRY(budget.charge(sizeof field.value));
  if (field.type == WireType::fixed32)
    append_bytes(static_cast<std::uint32_t>(field.value), out);
  else
    append_bytes(field.value, out);
  return {};
}

// Which of the lists of numbers an element type is in, and whether it may be raw as well.
std::uint32_t list_of(ElementType type) {
  switch (type) {
    case ElementType::f32:
      return tensor_fields::kFloats;
    case ElementType::f64:
      return tensor_fields::kDoubles;
    case ElementType::i64:
      return tensor_fields::kInt64s;
    case ElementType::u32:
    case ElementType::u64:
      return tensor_fields::kUint64s;
    default:
      return tensor_fields::kInt32s;
  }
}

Status read_head(std::span<const std::byte> message, ReadBudget& budget, Tensor& tensor) {
  constexpr std::int64_t kElsewhere = 1;  // TensorProto.DataLocation.EXTERNAL
  return for_each_field(message, [&](const Field& field) -> Status {
    if (field.number == tensor_fields::kDims) return append_integers(field, budget, tensor.dims);
    if (field.number == tensor_fields::kType)
      tensor.type = static_cast<ElementType>(static_cast<std::int32_t>(field.value));
    if (field.number == tensor_fields::kName) {
      GRAPHRUN_TRY(budget.charge(field.bytes.size()));
      tensor.name = field.text();
    }
    if (field.number == tensor_fields::kExternal ||
        (field.number == tensor_fields::kLocation && field.integer() == kElsewhere))
      return {ErrorCode::unsupported,
              "the content of a tensor is in another file: save the model as one file"};
    return {};
  });
}

}  // namespace

Status append_integers(const Field& field, ReadBudget& budget, std::vector<std::int64_t>& out) {
  constexpr std::size_t kGrowth = 2 * sizeof(std::int64_t);
  if (field.type != WireType::bytes) {
    GRAPHRUN_TRY(budget.charge(kGrowth));
    out.push_back(field.integer());
    return {};
  }
  for (VarintReader reader(field.bytes); !reader.at_end();) {
    GRAPHRUN_TRY(budget.charge(kGrowth));
    GRAPHRUN_ASSIGN(const std::uint64_t value, reader.next());
    out.push_back(static_cast<std::int64_t>(value));
  }
  return {};
}

Status append_reals(const Field& field, ReadBudget& budget, std::vector<float>& out) {
  std::vector<std::byte> bytes;
  GRAPHRUN_TRY(append_fixed(field, budget, bytes));
  if (bytes.size() % sizeof(float) != 0) return {ErrorCode::invalid_file, "a list of numbers is cut off"};
  GRAPHRUN_TRY(budget.charge(2 * bytes.size()));
  const std::size_t before = out.size();
  out.resize(before + bytes.size() / sizeof(float));
  // Not memcpy, which must not have the null address of an empty list.
  std::ranges::copy(bytes, std::as_writable_bytes(std::span(out).subspan(before)).begin());
  return {};
}

Status read_tensor(std::span<const std::byte> message, ReadBudget& budget, Tensor& tensor) {
  tensor = {};
  tensor.type = ElementType{0};
  GRAPHRUN_TRY(read_head(message, budget, tensor));
  const std::size_t size = size_of(tensor.type);
  if (size == 0) return {};  // text, and types that are not known: whoever wants the content says so
  GRAPHRUN_ASSIGN(const std::int64_t count, tensor.count());
  std::span<const std::byte> raw;
  std::vector<std::byte> own;
  GRAPHRUN_TRY(for_each_field(message, [&](const Field& field) -> Status {
    if (field.number == tensor_fields::kRaw) raw = field.bytes;
    if (field.number != list_of(tensor.type)) return {};
    const bool fixed = tensor.type == ElementType::f32 || tensor.type == ElementType::f64;
    return fixed ? append_fixed(field, budget, own) : append_low_bytes(field, size, budget, own);
  }));
  const std::size_t bytes = own.empty() ? raw.size() : own.size();
  if (bytes % size != 0 || static_cast<std::uint64_t>(count) != bytes / size)
    return {ErrorCode::invalid_file, "the content of a tensor is not as long as its dims say"};
  if (own.empty())
    tensor.content = raw;
  else
    tensor.content = std::move(own);
  return {};
}

}  // namespace graphrun::exchange::onnx
