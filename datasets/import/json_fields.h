#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/status.h"

// What importers read of JSON objects. Errors say what was expected under which key; the caller adds where.
namespace graphrun::datasets {

using Json = rapidjson::Value;

// Null where there is none, or `object` is none.
const Json* find_field(const Json& object, const char* key);

Result<std::int64_t> integer_field(const Json& object, const char* key, std::int64_t low, std::int64_t high);
Result<std::string> text_field(const Json& object, const char* key);
Result<const Json*> array_field(const Json& object, const char* key);

// Each an array of two numbers within +-`farthest`.
Result<std::vector<double>> points_field(const Json& object, const char* key, double farthest);

// Numbers, one after the other.
Result<std::vector<double>> numbers_of(const Json& array);

inline std::string_view text_of(const Json& value) { return {value.GetString(), value.GetStringLength()}; }

}  // namespace graphrun::datasets
