#include "compiler/source.h"

#include <algorithm>
#include <unordered_set>

#include "compiler/expression.h"

namespace graphrun::compiler {
namespace {

namespace fs = std::filesystem;

void read_block(const JsonMember& member, Source& source, Diagnostics& diagnostics) {
  const JsonValue& json = member.value;
  if (!expect(json, JsonValue::Kind::object, "a block: an object with inputs, parameters and graph",
              diagnostics))
    return;
  check_keys(json, {"doc", "inputs", "parameters", "graph", "out"}, "a block", diagnostics);
  Block block{member.key, member.at, {}, {}, nullptr, json.find("out")};
  if (const JsonValue* inputs = json.find("inputs")) {
    for (const JsonValue* name : read_names(*inputs, diagnostics)) block.inputs.push_back(name->text);
  }
  const JsonValue* parameters = json.find("parameters");
  if (parameters != nullptr && expect(*parameters, JsonValue::Kind::object, "an object", diagnostics)) {
    for (const JsonMember& parameter : parameters->members) {
      if (!is_identifier(parameter.key))
        diagnostics.error(parameter.at, in_quotes(parameter.key) + " is not a name");
      if (!expect(parameter.value, JsonValue::Kind::object, "an object with doc and default", diagnostics))
        continue;
      check_keys(parameter.value, {"doc", "default"}, "a block's parameter", diagnostics);
      block.parameters.push_back({parameter.key, parameter.value.find("default")});
    }
  }
  block.graph = json.find("graph");
  if (block.graph == nullptr) {
    diagnostics.error(member.at, "the block " + in_quotes(member.key) + " has no \"graph\"");
    return;
  }
  if (!expect(*block.graph, JsonValue::Kind::list, "a list of statements", diagnostics)) return;
  const auto [other, is_new] = source.blocks.try_emplace(member.key, block);
  if (!is_new) diagnostics.error(member.at, "there is a block " + in_quotes(member.key) + " already");
}

void read_blocks(const JsonValue& file, Source& source, Diagnostics& diagnostics) {
  const JsonValue* blocks = file.find("blocks");
  if (blocks == nullptr || !expect(*blocks, JsonValue::Kind::object, "an object of blocks", diagnostics))
    return;
  for (const JsonMember& member : blocks->members) read_block(member, source, diagnostics);
}

// The file that an import means, or nothing where it is outside the folder.
std::optional<fs::path> resolve_import(const fs::path& folder, const std::string& name) {
  const fs::path relative(name);
  if (name.empty() || relative.is_absolute() || std::ranges::find(relative, fs::path("..")) != relative.end())
    return std::nullopt;
  std::error_code error;
  const fs::path inside = fs::weakly_canonical(folder.empty() ? fs::path(".") : folder, error);
  const fs::path target = fs::weakly_canonical(inside / relative, error);
  const auto [end, rest] = std::ranges::mismatch(inside, target);
  if (error || end != inside.end()) return std::nullopt;
  return folder / relative;
}

void read_imports(const fs::path& folder, Source& source, JsonBudget& budget, Diagnostics& diagnostics) {
  constexpr std::size_t kMaxImports = 1000;
  const JsonValue* imports = source.graph().find("import");
  if (imports == nullptr) return;
  const std::vector<const JsonValue*> names = read_names(*imports, diagnostics);
  if (names.size() > kMaxImports) {
    diagnostics.error(imports->at, "more than " + std::to_string(kMaxImports) + " imports");
    return;
  }
  for (const JsonValue* import : names) {
    const std::optional<fs::path> path = resolve_import(folder, import->text);
    if (!path) {
      diagnostics.error(import->at,
                        "the import " + in_quotes(import->text) + " is outside the graph's folder");
      continue;
    }
    std::error_code error;
    if (!fs::is_regular_file(*path, error)) {
      diagnostics.error(import->at, "there is no file " + in_quotes(path->string()));
      continue;
    }
    std::optional<JsonValue> json = read_json(*path, path->string(), budget, diagnostics);
    if (!json) continue;
    source.files.push_back(*std::move(json));
    const JsonValue& file = source.files.back();
    if (!expect(file, JsonValue::Kind::object, "an object with blocks", diagnostics)) continue;
    check_keys(file, {"$schema", "doc", "blocks"}, "a file of blocks", diagnostics);
    read_blocks(file, source, diagnostics);
  }
}

std::string_view kind_name(const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::null:
      return "null";
    case JsonValue::Kind::boolean:
      return "a boolean";
    case JsonValue::Kind::integer:
    case JsonValue::Kind::real:
      return "a number";
    case JsonValue::Kind::text:
      return "text";
    case JsonValue::Kind::list:
      return "a list";
    case JsonValue::Kind::object:
      return "an object";
  }
  return "?";
}

}  // namespace

std::optional<Source> read_source(const fs::path& path, Diagnostics& diagnostics) {
  JsonBudget budget;
  std::optional<JsonValue> json = read_json(path, path.string(), budget, diagnostics);
  if (!json) return std::nullopt;
  Source source;
  source.name = path.stem().string();
  source.files.push_back(*std::move(json));
  const JsonValue& graph = source.graph();
  if (!expect(graph, JsonValue::Kind::object, "an object: a graph", diagnostics)) return std::nullopt;
  check_keys(graph,
             {"$schema", "doc", "parameters", "import", "inputs", "require", "preprocess", "protocol",
              "blocks", "graph", "outputs", "losses", "train", "metadata"},
             "a graph file", diagnostics);
  read_blocks(graph, source, diagnostics);
  read_imports(path.parent_path(), source, budget, diagnostics);
  return source;
}

void check_keys(const JsonValue& object, const std::vector<std::string_view>& known, std::string_view what,
                Diagnostics& diagnostics) {
  const std::unordered_set<std::string_view> keys(known.begin(), known.end());
  for (const JsonMember& member : object.members) {
    if (keys.contains(member.key)) continue;
    if (diagnostics.full()) return;
    diagnostics.error(member.at, std::string(what) + " has no key " + in_quotes(member.key) +
                                     diagnostics.suggestion(member.at, member.key, [&] { return known; }));
  }
}

bool expect(const JsonValue& value, JsonValue::Kind kind, std::string_view what, Diagnostics& diagnostics) {
  if (value.is(kind)) return true;
  diagnostics.error(value.at, "expected " + std::string(what) + ", got " + std::string(kind_name(value)));
  return false;
}

std::optional<Expr> read_expr(const JsonValue& value, Diagnostics& diagnostics) {
  switch (value.kind) {
    case JsonValue::Kind::boolean:
    case JsonValue::Kind::integer:
      return Expr(value.integer);
    case JsonValue::Kind::real:
      return Expr(value.real);
    case JsonValue::Kind::text: {
      ParsedExpr parsed = parse_expression(value.text);
      if (parsed.error.empty()) return std::move(parsed.expr);
      Position at = value.at;
      at.column += static_cast<std::uint32_t>(parsed.offset) + 1;
      diagnostics.error(at, "in the expression " + in_quotes(value.text) + ": " + parsed.error);
      return std::nullopt;
    }
    default:
      diagnostics.error(value.at, "expected a number or an expression, got " + std::string(kind_name(value)));
      return std::nullopt;
  }
}

std::optional<double> read_number(const JsonValue& value, Diagnostics& diagnostics) {
  if (value.is(JsonValue::Kind::real)) return value.real;
  if (value.is(JsonValue::Kind::integer) || value.is(JsonValue::Kind::boolean))
    return static_cast<double>(value.integer);
  diagnostics.error(value.at, "expected a number, got " + std::string(kind_name(value)));
  return std::nullopt;
}

bool is_identifier(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && letter(text[0]) &&
         std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::vector<const JsonValue*> read_names(const JsonValue& value, Diagnostics& diagnostics) {
  std::vector<const JsonValue*> names;
  if (value.is_text()) return {&value};
  if (!expect(value, JsonValue::Kind::list, "a name or a list of names", diagnostics)) return names;
  for (const JsonValue& item : value.items) {
    if (expect(item, JsonValue::Kind::text, "a name", diagnostics)) names.push_back(&item);
  }
  return names;
}

}  // namespace graphrun::compiler
