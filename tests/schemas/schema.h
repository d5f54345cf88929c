#pragma once

#include <rapidjson/document.h>

#include <filesystem>
#include <functional>
#include <set>
#include <string>

// A JSON Schema beside the code that reads what it describes.
namespace graphrun::test {

using Names = std::set<std::string, std::less<>>;

rapidjson::Document parse_json(const std::string& text);
std::string json_text(const rapidjson::Value& value);

class Schema {
 public:
  explicit Schema(const std::filesystem::path& file);
  // Empty: the document is valid; else where it is not.
  std::string problem(const rapidjson::Value& document) const;
  // The keys of an object of the schema, e.g. of "/properties/train/properties".
  Names keys(const std::string& pointer) const;
  const rapidjson::Value& at(const std::string& pointer) const;

 private:
  rapidjson::Document document_;
};

// What an error says of a key that nobody knows: the names in quotes or after commas that come behind
// `before`.
Names names_after(const std::string& error, const std::string& before, const std::string& separators);

// `document` with one more key in the object at `pointer`.
rapidjson::Document with_key(const rapidjson::Value& document, const std::string& pointer,
                             const std::string& key);

}  // namespace graphrun::test
