#include "datasets/json_document.h"

#include <rapidjson/error/en.h>

#include <algorithm>
#include <string>

namespace graphrun::datasets {

Result<rapidjson::Document> parse_json(std::string_view text, const std::filesystem::path& file) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  rapidjson::Document document;
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseFullPrecisionFlag;
  document.Parse<kFlags>(text.data(), text.size());
  if (!document.HasParseError()) return document;
  const std::string_view before = text.substr(0, document.GetErrorOffset());
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n');
  const std::size_t column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return Status(ErrorCode::invalid_file, file.string() + ":" + std::to_string(line) + ":" +
                                             std::to_string(column) + ": " +
                                             rapidjson::GetParseError_En(document.GetParseError()));
}

}  // namespace graphrun::datasets
