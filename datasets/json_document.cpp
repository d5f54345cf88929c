#include "datasets/json_document.h"

#include <rapidjson/error/en.h>

#include <string>

#include "runtime/core/json_mistake.h"
#include "runtime/core/text_place.h"

namespace graphrun::datasets {

Result<rapidjson::Document> parse_json(std::string_view text, const std::filesystem::path& file) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  rapidjson::Document document;
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseFullPrecisionFlag;
  document.Parse<kFlags>(text.data(), text.size());
  if (!document.HasParseError()) return document;
  const std::size_t offset = document.GetErrorOffset();
  return Status(ErrorCode::invalid_file,
                file.string() + ":" + core::place_in(text, offset) + ": not JSON: " +
                    core::json_mistake(text, offset, rapidjson::GetParseError_En(document.GetParseError())));
}

}  // namespace graphrun::datasets
