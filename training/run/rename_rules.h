#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graphrun/status.h"

// How another implementation calls the tensors of a model: data in graphs/backbones and graphs/maps.
namespace graphrun::training {

// Names of a file that start with `from` start with `to` in the model; the longest match counts. A `*` is
// what stands between two dots, in `to` the same things in their order.
struct RenameRules {
  std::string name;
  std::vector<std::pair<std::string, std::string>> prefixes;  // longest first
  std::vector<std::pair<std::string, std::string>> hints;     // for tensors of another shape than the model's

  // Empty: no rule fits.
  std::string apply(std::string_view tensor) const;
  // Whether some rule gives such a name.
  bool may_give(std::string_view variable) const;
};

// Errors: no file of rules.
Result<RenameRules> read_rules(const std::filesystem::path& path);
// All of a folder of graphs/, sorted by their names; none where the folder is missing.
Result<std::vector<RenameRules>> all_rules(std::string_view folder);
// graphs/maps/NAME.json. Errors: there is none; the message lists those that there are.
Result<RenameRules> find_map(std::string_view name);

}  // namespace graphrun::training
