#include "datasets/json_document.h"

#include <rapidjson/error/en.h>

#include <string>

#include "runtime/core/json_mistake.h"
#include "runtime/core/json_reader.h"
#include "runtime/core/text_place.h"

namespace graphrun::datasets {

Result<rapidjson::Document> parse_json(std::string_view text, const std::filesystem::path& file) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  rapidjson::Document document;
  const rapidjson::ParseResult result = core::read_json(text, document, core::JsonText::utf8);
  if (!result.IsError()) return document;
  return Status(ErrorCode::invalid_file,
                file.string() + ":" + core::place_in(text, result.Offset()) + ": not JSON: " +
                    core::json_mistake(text, result.Offset(), rapidjson::GetParseError_En(result.Code())));
}

}  // namespace graphrun::datasets
