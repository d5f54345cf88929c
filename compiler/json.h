#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diagnostics.h"

namespace graphrun::compiler {

struct JsonMember;

// A JSON value and where it starts.
struct JsonValue {
  enum class Kind { null, boolean, integer, real, text, list, object };
  Kind kind = Kind::null;
  Position at;
  std::uint32_t bytes = 0;   // of its text in the file
  std::int64_t integer = 0;  // of integers and booleans
  double real = 0;           // of reals
  std::string text;
  std::vector<JsonValue> items;
  std::vector<JsonMember> members;    // in the order of the file; no key twice
  std::vector<std::uint32_t> sorted;  // places in `members` by key, where there are many

  bool is(Kind wanted) const { return kind == wanted; }
  bool is_text() const { return kind == Kind::text; }
  bool is_list() const { return kind == Kind::list; }
  bool is_object() const { return kind == Kind::object; }
  const JsonValue* find(std::string_view key) const;  // null: no such member
};

struct JsonMember {
  std::string key;
  Position at;
  JsonValue value;
};

inline constexpr std::int64_t kMaxJsonBytes = std::int64_t{16} << 20;
inline constexpr std::size_t kMaxJsonDepth = 64;

// What the files of one graph may have together.
struct JsonBudget {
  std::int64_t bytes = kMaxJsonBytes;
  std::int64_t values = 200'000;  // a hundred bytes each, however short their text
};

// Reads a whole file; `name` is what errors call it. Empty after an error.
std::optional<JsonValue> read_json(const std::filesystem::path& path, const std::string& name,
                                   JsonBudget& budget, Diagnostics& diagnostics);

// The value as JSON text on one line.
std::string to_json(const JsonValue& value);

}  // namespace graphrun::compiler
