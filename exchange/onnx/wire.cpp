#include "exchange/onnx/wire.h"

#include <bit>

namespace graphrun::exchange::onnx {

void Message::varint(std::uint64_t value) {
  constexpr std::uint64_t kMore = 0x80;
  for (; value >= kMore; value >>= 7) bytes_ += static_cast<char>(value % kMore | kMore);
  bytes_ += static_cast<char>(value);
}

void Message::key(std::uint32_t field, WireType type) {
  varint(std::uint64_t{field} << 3 | static_cast<std::uint64_t>(type));
}

void Message::integer(std::uint32_t field, std::int64_t value) {
  key(field, WireType::varint);
  varint(static_cast<std::uint64_t>(value));
}

void Message::real(std::uint32_t field, float value) {
  key(field, WireType::fixed32);
  const auto bits = std::bit_cast<std::uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) bytes_ += static_cast<char>(bits >> shift & 0xFF);
}

void Message::text(std::uint32_t field, std::string_view value) {
  announce(field, value.size());
  bytes_ += value;
}

void Message::announce(std::uint32_t field, std::uint64_t size) {
  key(field, WireType::bytes);
  varint(size);
}

}  // namespace graphrun::exchange::onnx
