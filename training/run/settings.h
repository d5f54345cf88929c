#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/status.h"

namespace graphrun::training {

// weights: a list of numbers, or "suggested"; word: one of SettingSpec::choices; free_text: checked where it
// is used.
enum class SettingKind { integer, real, boolean, reals, weights, word, free_text };

// A setting of training or evaluation: its name in the reference's configuration files, kind, default and
// range.
struct SettingSpec {
  std::string_view name;
  SettingKind kind;
  std::string_view fallback;  // JSON text; "null": no value
  double min;                 // inclusive, of numbers
  double max;
  std::string_view doc;
  std::string_view choices = {};  // "one, other"
};
std::span<const SettingSpec> setting_specs();

// The source of a seed that nobody has chosen.
constexpr const char* kDrawnSource = "drawn";

// All settings with their values and where each came from. Later set() calls win.
class SettingTable {
 public:
  SettingTable();

  // `json` is a scalar or an array in JSON. Errors: unknown name (with the nearest),
  // kind, range. `source` is what config.json says of it, e.g. "--set" or "datasets/camvid.json".
  Status set(std::string_view name, std::string_view json, std::string_view source);
  // Several at once, from text of JSON scalars and arrays by name.
  Status set_all(const std::map<std::string, std::string>& values, std::string_view source);
  // The members of a JSON file's object.
  Status set_from_file(const std::string& path);
  // "name=value"
  Status set_assignment(std::string_view assignment, std::string_view source);

  // Preconditions: the name is of that kind, and has a value; word() reads texts as well.
  std::int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  bool flag(std::string_view name) const;
  std::string word(std::string_view name) const;
  std::vector<double> reals(std::string_view name) const;
  bool has_value(std::string_view name) const;
  // Set by anybody, the defaults apart.
  bool is_explicit(std::string_view name) const;
  std::string source(std::string_view name) const;
  std::string json(std::string_view name) const;

  // "name=value" a line, by name.
  std::string values() const;
  // {"name": {"value": ..., "from": "..."}, ...}, by name
  std::string to_json() const;

 private:
  struct Entry {
    const SettingSpec* spec;
    std::string json;
    std::string source;
  };
  const Entry& entry(std::string_view name) const;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace graphrun::training
