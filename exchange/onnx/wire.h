#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding): a message is a sequence of
// fields, each a key (number and type) and a value.
namespace graphrun::exchange::onnx {

// The low three bits of a key.
enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// A message that is written from its first field to its last.
class Message {
 public:
  void integer(std::uint32_t field, std::int64_t value);
  void real(std::uint32_t field, float value);
  void text(std::uint32_t field, std::string_view value);
  void message(std::uint32_t field, const Message& value) { text(field, value.bytes_); }
  // The key and length of a field of `size` bytes, which whoever calls writes after what is here.
  void announce(std::uint32_t field, std::uint64_t size);

  const std::string& bytes() const { return bytes_; }

 private:
  void key(std::uint32_t field, WireType type);
  void varint(std::uint64_t value);
  std::string bytes_;
};

}  // namespace graphrun::exchange::onnx
