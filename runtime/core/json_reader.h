#pragma once

#include <rapidjson/document.h>
#include <rapidjson/reader.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace graphrun::core {

// The one place where texts of JSON are read. RapidJSON checks how a number is written, but does not compute
// its value: its sums of exponents overflow (`0.0000000000e-2147483639`), and in full precision it counts the
// leading zeros of 0 (`0e42`): https://github.com/Tencent/rapidjson, version 1.1.0, ParseNumber and
// internal/diyfp.h.

// The double nearest to a number of JSON, 0 where it is too small; nothing where it is too large.
std::optional<double> json_real(std::string_view number);

// A reader's handler (RapidJSON's concept) that passes what it is told on to another, a number as the type
// that its text has: Int64 below 0, Uint64 from 0 on, Double for all others.
template <typename Handler>
class JsonNumbers {
 public:
  explicit JsonNumbers(Handler& handler) : handler_(handler) {}
  bool too_large() const { return too_large_; }

  bool RawNumber(const char* data, rapidjson::SizeType size, bool) {
    const char* const end = data + size;
    if (*data == '-') {
      if (std::int64_t value = 0; whole(std::from_chars(data, end, value), end)) return handler_.Int64(value);
    } else if (std::uint64_t value = 0; whole(std::from_chars(data, end, value), end)) {
      return handler_.Uint64(value);
    }
    const std::optional<double> value = json_real({data, size});
    too_large_ = !value;
    return value && handler_.Double(*value);
  }

  bool Null() { return handler_.Null(); }
  bool Bool(bool flag) { return handler_.Bool(flag); }
  bool String(const char* data, rapidjson::SizeType size, bool copy) {
    return handler_.String(data, size, copy);
  }
  bool Key(const char* data, rapidjson::SizeType size, bool copy) { return handler_.Key(data, size, copy); }
  bool StartObject() { return handler_.StartObject(); }
  bool EndObject(rapidjson::SizeType count) { return handler_.EndObject(count); }
  bool StartArray() { return handler_.StartArray(); }
  bool EndArray(rapidjson::SizeType count) { return handler_.EndArray(count); }

  // Never called: numbers come as their text.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  static bool whole(std::from_chars_result read, const char* end) {
    return read.ec == std::errc() && read.ptr == end;
  }

  Handler& handler_;
  bool too_large_ = false;
};

enum class JsonText { any_bytes, utf8 };  // in strings

// Reads a stream (RapidJSON's concept) for a handler, without recursion: the depth of the input must not
// become the depth of our stack.
template <JsonText kText, typename Stream, typename Handler>
rapidjson::ParseResult read_json_events(Stream& stream, Handler& handler) {
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag |
      (kText == JsonText::utf8 ? rapidjson::kParseValidateEncodingFlag : rapidjson::kParseNoFlags);
  JsonNumbers<Handler> numbers(handler);
  rapidjson::Reader reader;
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, numbers);
  return numbers.too_large() ? rapidjson::ParseResult(rapidjson::kParseErrorNumberTooBig, result.Offset())
                             : result;
}

// Into a document, which is null where the text is not JSON.
rapidjson::ParseResult read_json(std::string_view text, rapidjson::Document& document,
                                 JsonText strings = JsonText::any_bytes);

}  // namespace graphrun::core
