#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graphrun/diagnostic.h"

// Errors of graph files, with their positions.
namespace graphrun::compiler {

// A place in a file that was read; line and column (in bytes) count from 1.
struct Position {
  std::int32_t file = 0;  // of Diagnostics::add_file
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  auto operator<=>(const Position&) const = default;  // NOLINT(modernize-use-nullptr): there is none
};

// Collects errors, so that all independent ones of a run are seen at once.
class Diagnostics {
 public:
  std::int32_t add_file(std::string name);
  // `node` is the full path of the node that is wrong, or empty. The same message at the same place is kept
  // once: a block that is wrong is wrong in each of its calls.
  void error(Position at, std::string_view node, std::string_view message);
  void error(Position at, std::string_view message) { error(at, {}, message); }

  bool ok() const { return errors_.empty(); }
  // Further errors are not kept: there is no use in looking for them.
  bool full() const { return truncated_; }
  // suggestion(name, candidates()). Kept for the place: a wrong name in a block is wrong in each of its
  // calls.
  std::string suggestion(Position at, const std::string& name,
                         const std::function<std::vector<std::string_view>()>& candidates);
  // In the order of files and places; the first hundred.
  std::vector<Diagnostic> errors() const;
  // One line an error.
  std::string text() const;

 private:
  std::vector<std::string> files_;
  struct Error {
    Position at;
    std::string node;
    std::string message;
  };
  std::vector<Error> errors_;
  std::set<std::pair<Position, std::string>> seen_;
  std::map<std::pair<Position, std::string>, std::string> suggestions_;
  bool truncated_ = false;
};

// "; did you mean \"near\"?" or, where nothing is near, the list of what there is (if it is short).
std::string suggestion(std::string_view name, const std::vector<std::string_view>& candidates);
std::string in_quotes(std::string_view text);

}  // namespace graphrun::compiler
