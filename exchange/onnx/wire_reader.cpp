#include "exchange/onnx/wire_reader.h"

namespace graphrun::exchange::onnx {
namespace {

Status cut_off() { return {ErrorCode::invalid_file, "a message ends within a field"}; }

// Takes a varint from the front of `left`.
Result<std::uint64_t> take_varint(std::span<const std::byte>& left) {
  constexpr int kBits = 64;
  std::uint64_t value = 0;
  for (int shift = 0; shift < kBits; shift += 7) {
    if (left.empty()) return cut_off();
    const auto byte = std::to_integer<std::uint64_t>(left.front());
    left = left.subspan(1);
    value |= (byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return {ErrorCode::invalid_file, "a number of more than 64 bits"};
}

}  // namespace

Result<std::uint64_t> VarintReader::next() { return take_varint(left_); }

Result<std::uint64_t> FieldReader::varint() { return take_varint(left_); }

Result<std::uint64_t> FieldReader::fixed(std::size_t size) {
  if (left_.size() < size) return cut_off();
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::to_integer<std::uint64_t>(left_[i]) << (8 * i);
  left_ = left_.subspan(size);
  return value;
}

Result<std::optional<Field>> FieldReader::next() {
  if (left_.empty()) return std::optional<Field>();
  GRAPHRUN_ASSIGN(const std::uint64_t key, varint());
  constexpr std::uint64_t kMaxNumber = (std::uint64_t{1} << 29) - 1;
  Field field;
  if (key >> 3 == 0 || key >> 3 > kMaxNumber) return {ErrorCode::invalid_file, "a field without a number"};
  field.number = static_cast<std::uint32_t>(key >> 3);
  field.type = static_cast<WireType>(key & 7);
  switch (field.type) {
    case WireType::varint: {
      GRAPHRUN_ASSIGN(field.value, varint());
      return std::optional(field);
    }
    case WireType::fixed32: {
      GRAPHRUN_ASSIGN(field.value, fixed(4));
      return std::optional(field);
    }
    case WireType::fixed64: {
      GRAPHRUN_ASSIGN(field.value, fixed(8));
      return std::optional(field);
    }
    case WireType::bytes: {
      GRAPHRUN_ASSIGN(const std::uint64_t size, varint());
      if (size > left_.size()) return cut_off();
      field.bytes = left_.first(static_cast<std::size_t>(size));
      left_ = left_.subspan(static_cast<std::size_t>(size));
      return std::optional(field);
    }
  }
  return {ErrorCode::invalid_file, "a field of a kind that there is not"};
}

}  // namespace graphrun::exchange::onnx
