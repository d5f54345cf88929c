#include "training/tensorboard/event.h"

#include <bit>

#include "runtime/core/crc32c.h"

namespace graphrun::training {
namespace {

// Field numbers of the messages.
enum Event : std::uint32_t { kTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7 };
enum Summary : std::uint32_t { kValue = 1 };
enum Value : std::uint32_t { kTag = 1, kSimpleValue = 2, kImage = 4 };
enum ImageField : std::uint32_t { kHeight = 1, kWidth = 2, kColorspace = 3, kEncoded = 4 };
enum SessionLog : std::uint32_t { kStatus = 1 };
constexpr std::uint64_t kStatusStart = 1;
constexpr std::uint64_t kRgb = 3;

enum class Wire : std::uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

template <class T>
void put_little_endian(std::string& to, T bits) {
  for (std::size_t i = 0; i < sizeof(T); ++i) to.push_back(static_cast<char>(bits >> (8 * i)));
}

void put_varint(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<char>(value | 0x80));
  to.push_back(static_cast<char>(value));
}

void put_key(std::string& to, std::uint32_t field, Wire wire) {
  put_varint(to, field << 3 | static_cast<std::uint32_t>(wire));
}

void put_number(std::string& to, std::uint32_t field, std::uint64_t value) {
  put_key(to, field, Wire::varint);
  put_varint(to, value);
}

void put_bytes(std::string& to, std::uint32_t field, std::string_view bytes) {
  put_key(to, field, Wire::bytes);
  put_varint(to, bytes.size());
  to.append(bytes);
}

std::string event(double time, std::int64_t step) {
  std::string out;
  put_key(out, kTime, Wire::fixed64);
  put_little_endian(out, std::bit_cast<std::uint64_t>(time));
  put_number(out, kStep, static_cast<std::uint64_t>(step));
  return out;
}

// Protects CRCs of data that hold CRCs (TensorFlow core/lib/hash/crc32c.h).
std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u; }

template <class T>
T get_little_endian(std::string_view bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<T>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;  // of a varint
  std::string_view bytes;
};

std::optional<Field> take_field(std::string_view& bytes) {
  const auto key = take_varint(bytes);
  if (!key) return std::nullopt;
  Field field{*key >> 3, 0, {}};
  std::uint64_t length = 0;
  switch (static_cast<Wire>(*key & 7)) {
    case Wire::varint: {
      const auto value = take_varint(bytes);
      if (!value) return std::nullopt;
      field.value = *value;
      return field;
    }
    case Wire::fixed64:
      length = 8;
      break;
    case Wire::fixed32:
      length = 4;
      break;
    case Wire::bytes: {
      const auto value = take_varint(bytes);
      if (!value) return std::nullopt;
      length = *value;
      break;
    }
    default:
      return std::nullopt;
  }
  if (length > bytes.size()) return std::nullopt;
  field.bytes = bytes.substr(0, length);
  bytes.remove_prefix(length);
  return field;
}

// The bytes of the first field of that number; empty where there is none.
std::string_view first_bytes(std::string_view message, std::uint32_t number) {
  while (const auto field = take_field(message)) {
    if (field->number == number) return field->bytes;
  }
  return {};
}

}  // namespace

std::string version_event(double time) {
  std::string out = event(time, 0);
  put_bytes(out, kFileVersion, "brain.Event:2");
  return out;
}

std::string restart_event(double time, std::int64_t step) {
  std::string log;
  put_number(log, kStatus, kStatusStart);
  std::string out = event(time, step);
  put_bytes(out, kSessionLog, log);
  return out;
}

std::string scalar_event(double time, std::int64_t step, std::span<const Scalar> scalars) {
  std::string summary;
  for (const Scalar& scalar : scalars) {
    std::string value;
    put_bytes(value, kTag, scalar.tag);
    put_key(value, kSimpleValue, Wire::fixed32);
    put_little_endian(value, std::bit_cast<std::uint32_t>(static_cast<float>(scalar.value)));
    put_bytes(summary, kValue, value);
  }
  std::string out = event(time, step);
  put_bytes(out, kSummary, summary);
  return out;
}

std::string image_event(double time, std::int64_t step, std::string_view tag, std::int64_t height,
                        std::int64_t width, std::string_view png) {
  std::string image;
  put_number(image, kHeight, static_cast<std::uint64_t>(height));
  put_number(image, kWidth, static_cast<std::uint64_t>(width));
  put_number(image, kColorspace, kRgb);
  put_bytes(image, kEncoded, png);
  std::string value;
  put_bytes(value, kTag, tag);
  put_bytes(value, kImage, image);
  std::string summary;
  put_bytes(summary, kValue, value);
  std::string out = event(time, step);
  put_bytes(out, kSummary, summary);
  return out;
}

std::string frame(std::string_view payload) {
  std::string out;
  put_little_endian(out, std::uint64_t{payload.size()});
  put_little_endian(out, masked(core::crc32c(out)));
  out.append(payload);
  put_little_endian(out, masked(core::crc32c(payload)));
  return out;
}

std::optional<std::uint64_t> framed_length(std::string_view head) {
  constexpr std::size_t kLength = sizeof(std::uint64_t);
  if (get_little_endian<std::uint32_t>(head.substr(kLength)) != masked(core::crc32c(head.substr(0, kLength))))
    return std::nullopt;
  return get_little_endian<std::uint64_t>(head);
}

std::optional<EventKey> read_event(std::string_view payload) {
  EventKey key;
  while (!payload.empty()) {
    const auto field = take_field(payload);
    if (!field) return std::nullopt;
    if (field->number == kStep) key.step = static_cast<std::int64_t>(field->value);
    if (field->number == kSummary) key.tag = first_bytes(first_bytes(field->bytes, kValue), kTag);
  }
  return key;
}

}  // namespace graphrun::training
