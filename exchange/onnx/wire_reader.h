#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "exchange/onnx/wire.h"
#include "graphrun/status.h"

namespace graphrun::exchange::onnx {

// A field as it stands in a message.
struct Field {
  std::uint32_t number = 0;
  WireType type = WireType::varint;
  std::uint64_t value = 0;           // of a varint and of fixed numbers
  std::span<const std::byte> bytes;  // of WireType::bytes: inside the message

  std::int64_t integer() const { return static_cast<std::int64_t>(value); }
  std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

// Reads a message's fields one after the other, of bytes from anybody: every length is checked against what
// is there. Whoever reads a message inside a message makes another reader of Field::bytes.
class FieldReader {
 public:
  explicit FieldReader(std::span<const std::byte> message) : left_(message) {}
  // Empty at the end. Errors: invalid_file.
  Result<std::optional<Field>> next();

 private:
  Result<std::uint64_t> varint();
  Result<std::uint64_t> fixed(std::size_t size);
  std::span<const std::byte> left_;
};

// One number after another in a field of bytes ("packed"), each of them a varint.
class VarintReader {
 public:
  explicit VarintReader(std::span<const std::byte> bytes) : left_(bytes) {}
  bool at_end() const { return left_.empty(); }
  Result<std::uint64_t> next();

 private:
  std::span<const std::byte> left_;
};

// Calls `take` with each field until one of its calls gives an error.
template <class Take>
Status for_each_field(std::span<const std::byte> message, const Take& take) {
  FieldReader reader(message);
  for (;;) {
    GRAPHRUN_ASSIGN(const std::optional<Field> field, reader.next());
    if (!field) return {};
    GRAPHRUN_TRY(take(*field));
  }
}

}  // namespace graphrun::exchange::onnx
