#include "training/report/json_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "runtime/core/file.h"
#include "runtime/core/json_reader.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;
using Json = rapidjson::Value;

constexpr std::int64_t kMaxBytes = std::int64_t{1} << 28;

}  // namespace

Result<rapidjson::Document> read_json_object(const fs::path& path) {
  GRAPHRUN_ASSIGN(const std::string text, core::read_file(path, kMaxBytes));
  rapidjson::Document document;
  if (core::read_json(text, document).IsError() || !document.IsObject())
    return Status(ErrorCode::invalid_file, path.string() + ": expected a JSON object");
  return document;
}

Status read_json_lines(const fs::path& path, const std::function<void(const Json&)>& take) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return {};
  GRAPHRUN_ASSIGN(const std::string text, core::read_file(path, kMaxBytes));
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    rapidjson::Document line;
    const rapidjson::ParseResult result = core::read_json(std::string_view(text).substr(at, end - at), line);
    at = end + 1;
    if (!result.IsError() && line.IsObject()) take(line);
  }
  return {};
}

const Json* member_of(const Json& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::optional<double> number_of(const Json& object, const char* name) {
  const Json* const value = member_of(object, name);
  return value != nullptr && value->IsNumber() ? std::optional(value->GetDouble()) : std::nullopt;
}

std::string string_of(const Json& object, const char* name) {
  const Json* const value = member_of(object, name);
  return value != nullptr && value->IsString() ? std::string(value->GetString(), value->GetStringLength())
                                               : std::string();
}

std::string text_of(const Json& value) {
  if (value.IsString()) return value.GetString();
  if (value.IsBool()) return value.GetBool() ? "true" : "false";
  if (value.IsNumber()) return fmt::format("{}", value.GetDouble());
  if (!value.IsArray()) return "-";
  std::string list;
  for (const Json& item : value.GetArray()) {
    if (item.IsNumber()) list += fmt::format("{}{}", list.empty() ? "" : ",", item.GetDouble());
  }
  return list;
}

}  // namespace graphrun::training
