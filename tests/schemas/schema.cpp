#include "tests/schemas/schema.h"

#include <rapidjson/pointer.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <boost/test/unit_test.hpp>

#include "runtime/core/file.h"
#include "tests/datasets/require.h"

namespace graphrun::test {

rapidjson::Document parse_json(const std::string& text) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  BOOST_TEST_REQUIRE(!document.HasParseError());
  return document;
}

std::string json_text(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

Schema::Schema(const std::filesystem::path& file)
    : document_(parse_json(require(core::read_file(file, 1 << 20)))) {}

std::string Schema::problem(const rapidjson::Value& document) const {
  const rapidjson::SchemaDocument compiled(document_);
  rapidjson::SchemaValidator validator(compiled);
  if (document.Accept(validator)) return {};
  rapidjson::StringBuffer place;
  validator.GetInvalidDocumentPointer().StringifyUriFragment(place);
  return std::string(place.GetString()) + ": " + validator.GetInvalidSchemaKeyword();
}

const rapidjson::Value& Schema::at(const std::string& pointer) const {
  const rapidjson::Value* const found = rapidjson::Pointer(pointer.c_str()).Get(document_);
  BOOST_REQUIRE_MESSAGE(found != nullptr, "the schema has no " << pointer);
  return *found;
}

Names Schema::keys(const std::string& pointer) const {
  Names names;
  for (const auto& member : at(pointer).GetObject()) names.insert(member.name.GetString());
  return names;
}

Names names_after(const std::string& error, const std::string& before, const std::string& separators) {
  const std::size_t begin = error.find(before);
  BOOST_REQUIRE_MESSAGE(begin != std::string::npos, "no \"" << before << "\" in: " << error);
  Names names;
  std::string name;
  for (const char c : error.substr(begin + before.size()) + separators[0]) {
    if (c == '\n') break;
    if (separators.find(c) == std::string::npos) {
      name += c;
    } else if (!name.empty()) {
      names.insert(std::exchange(name, {}));
    }
  }
  if (!name.empty()) names.insert(name);
  return names;
}

rapidjson::Document with_key(const rapidjson::Value& document, const std::string& pointer,
                             const std::string& key) {
  rapidjson::Document changed;
  changed.CopyFrom(document, changed.GetAllocator());
  rapidjson::Pointer((pointer + "/" + key).c_str()).Set(changed, 0);
  return changed;
}

}  // namespace graphrun::test
