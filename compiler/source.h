#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/json.h"
#include "graphrun/kernel/expr.h"

// The files of a graph as they are written, before anything is expanded.
namespace graphrun::compiler {

struct BlockParameter {
  std::string name;
  const JsonValue* fallback = nullptr;  // null: each call must give it
};

// A reusable piece of graph. What it points to lives in Source::files.
struct Block {
  std::string name;
  Position at;
  std::vector<std::string> inputs;
  std::vector<BlockParameter> parameters;
  const JsonValue* graph = nullptr;
  const JsonValue* out = nullptr;  // null: the last result
};

struct Source {
  std::string name;             // the file's stem
  std::deque<JsonValue> files;  // the graph, then its imports
  std::map<std::string, Block, std::less<>> blocks;

  const JsonValue& graph() const { return files.front(); }
};

// Reads the graph file and its imports, which are relative to the graph's folder and stay inside it. Empty
// only where the graph file itself cannot be read.
std::optional<Source> read_source(const std::filesystem::path& path, Diagnostics& diagnostics);

// Reports keys that are not known, with the nearest one that is. `what` is "a block", ...
void check_keys(const JsonValue& object, const std::vector<std::string_view>& known, std::string_view what,
                Diagnostics& diagnostics);
// Reports a value that is not of the kind; `what` is what is expected, e.g. "a list of names".
bool expect(const JsonValue& value, JsonValue::Kind kind, std::string_view what, Diagnostics& diagnostics);
// A number, a boolean or the text of an expression; its names are not looked up. Errors have their column.
std::optional<Expr> read_expr(const JsonValue& value, Diagnostics& diagnostics);
// A literal number or boolean.
std::optional<double> read_number(const JsonValue& value, Diagnostics& diagnostics);
// [A-Za-z_][A-Za-z0-9_]*
bool is_identifier(std::string_view text);
// Texts of a value that is one text or a list of them, with their positions.
std::vector<const JsonValue*> read_names(const JsonValue& value, Diagnostics& diagnostics);

}  // namespace graphrun::compiler
