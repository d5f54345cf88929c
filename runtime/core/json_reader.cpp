#include "runtime/core/json_reader.h"

#include <rapidjson/encodedstream.h>
#include <rapidjson/memorystream.h>

#include <locale>
#include <sstream>
#include <string>

namespace graphrun::core {
namespace {

template <JsonText kText>
rapidjson::ParseResult read(std::string_view text, rapidjson::Document& document) {
  rapidjson::MemoryStream bytes(text.data(), text.size());
  rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> stream(bytes);
  rapidjson::ParseResult result;
  document.SetNull();
  const auto read_events = [&](rapidjson::Document& events) {
    result = read_json_events<kText>(stream, events);
    return !result.IsError();
  };
  document.Populate(read_events);
  return result;
}

}  // namespace

std::optional<double> json_real(std::string_view number) {
  double value = 0;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
  if (read.ec != std::errc::result_out_of_range) return value;
  // It does not say on which side; a stream fails on that of large numbers alone.
  std::istringstream stream{std::string(number)};
  stream.imbue(std::locale::classic());
  stream >> value;
  return stream.fail() ? std::nullopt : std::optional(value);
}

rapidjson::ParseResult read_json(std::string_view text, rapidjson::Document& document, JsonText strings) {
  return strings == JsonText::utf8 ? read<JsonText::utf8>(text, document)
                                   : read<JsonText::any_bytes>(text, document);
}

}  // namespace graphrun::core
