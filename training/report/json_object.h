#pragma once

#include <rapidjson/document.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "graphrun/status.h"

// What runs and evaluations have written, read without trust: any member may be missing or of another kind.
namespace graphrun::training {

// Errors: invalid_file for what is no JSON object, or is larger than 256 MB.
Result<rapidjson::Document> read_json_object(const std::filesystem::path& path);

// Calls `take` for each line of a file that is a JSON object; others are left out, as a line that was cut off
// while it was written. A file that is not there has no lines.
Status read_json_lines(const std::filesystem::path& path,
                       const std::function<void(const rapidjson::Value&)>& take);

// Null where the object, or what is none, has no such member.
const rapidjson::Value* member_of(const rapidjson::Value& object, const char* name);
std::optional<double> number_of(const rapidjson::Value& object, const char* name);
// Empty where it is no text.
std::string string_of(const rapidjson::Value& object, const char* name);
// A scalar or a list of numbers as people write it; "-" for anything else.
std::string text_of(const rapidjson::Value& value);

}  // namespace graphrun::training
