#include "datasets/import/json_fields.h"

#include <cmath>

namespace graphrun::datasets {

namespace {

Status expected(const char* key, const std::string& what) {
  return {ErrorCode::invalid_file, std::string("'") + key + "': expected " + what};
}

}  // namespace

const Json* find_field(const Json& object, const char* key) {
  if (!object.IsObject()) return nullptr;
  const auto member = object.FindMember(key);
  return member == object.MemberEnd() ? nullptr : &member->value;
}

Result<std::int64_t> integer_field(const Json& object, const char* key, std::int64_t low, std::int64_t high) {
  const Json* const value = find_field(object, key);
  if (value == nullptr || !value->IsInt64() || value->GetInt64() < low || value->GetInt64() > high)
    return expected(key, "an integer from " + std::to_string(low) + " to " + std::to_string(high));
  return value->GetInt64();
}

Result<std::string> text_field(const Json& object, const char* key) {
  const Json* const value = find_field(object, key);
  if (value == nullptr || !value->IsString()) return expected(key, "a string");
  const std::string_view text = text_of(*value);
  if (text.find('\0') != std::string_view::npos) return expected(key, "a string without zero characters");
  return std::string(text);
}

Result<const Json*> array_field(const Json& object, const char* key) {
  const Json* const value = find_field(object, key);
  if (value == nullptr || !value->IsArray()) return expected(key, "an array");
  return value;
}

Result<std::vector<double>> points_field(const Json& object, const char* key, double farthest) {
  GRAPHRUN_ASSIGN(const Json* const array, array_field(object, key));
  std::vector<double> numbers;
  for (const Json& point : array->GetArray()) {
    if (!point.IsArray() || point.Size() != 2) return expected(key, "points of two numbers");
    for (const Json& number : point.GetArray()) {
      if (!number.IsNumber() || !(std::abs(number.GetDouble()) <= farthest))
        return expected(key, "points near the image");
      numbers.push_back(number.GetDouble());
    }
  }
  return numbers;
}

Result<std::vector<double>> numbers_of(const Json& array) {
  std::vector<double> numbers;
  if (array.IsArray()) {
    for (const Json& number : array.GetArray()) {
      if (!number.IsNumber()) return Status(ErrorCode::invalid_file, "expected an array of numbers");
      numbers.push_back(number.GetDouble());
    }
    return numbers;
  }
  return Status(ErrorCode::invalid_file, "expected an array of numbers");
}

}  // namespace graphrun::datasets
