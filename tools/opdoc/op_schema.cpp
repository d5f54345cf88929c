#include "tools/opdoc/op_schema.h"

#include <fmt/format.h>

namespace graphrun::tools {
namespace {

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) json += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  return json + "\"";
}

std::string member(std::string_view name, std::string_view type, std::string_view doc) {
  return fmt::format("{}: {{{}, \"description\": {}}}", quoted(name), type, quoted(doc));
}

// Numbers may be expressions, which are text.
std::string type_of(const AttrSpec& spec) {
  switch (spec.kind) {
    case AttrKind::integer:
    case AttrKind::real:
    case AttrKind::boolean:
      return R"("type": ["number", "boolean", "string"])";
    case AttrKind::integers:
    case AttrKind::reals:
      return R"("type": ["number", "boolean", "string", "array"])";
    case AttrKind::text:
      break;
  }
  std::string choices;
  for (const std::string_view choice : spec.choices)
    choices += (choices.empty() ? "" : ", ") + quoted(choice);
  return "\"enum\": [" + choices + "]";
}

std::string section(const OpDef& def) {
  std::string names;
  std::string members;
  const auto add = [&](std::string_view name, std::string_view type, std::string_view doc) {
    names += ", " + quoted(name);
    members += (members.empty() ? "\n        " : ",\n        ") + member(name, type, doc);
  };
  for (const InputSpec& spec : def.inputs)
    add(spec.name, spec.variadic ? R"("type": ["string", "array"])" : R"("type": "string")", spec.doc);
  for (const AttrSpec& spec : def.attrs) add(spec.name, type_of(spec), spec.doc);
  return fmt::format(
      "    {{\"if\": {{\"required\": [\"op\"], \"properties\": {{\"op\": {{\"const\": {}}}}}}}, \"then\": "
      "{{\n"
      "      \"description\": {},\n"
      "      \"propertyNames\": {{\"enum\": [\"op\", \"as\", \"out\", \"if\", \"init\", \"doc\", "
      "\"weight\"{}]}},\n"
      "      \"properties\": {{{}}}}}}}",
      quoted(def.name), quoted(def.doc), names, members);
}

}  // namespace

std::string op_schema(const OpRegistry& ops) {
  std::string names;
  std::string sections;
  for (const OpDef* def : ops.all()) {
    if (def->internal) continue;
    names += (names.empty() ? "" : ", ") + quoted(def->name);
    sections += (sections.empty() ? "" : ",\n") + section(*def);
  }
  return fmt::format(
      "{{\n"
      "  \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n"
      "  \"title\": \"ops of graph files\",\n"
      "  \"description\": \"Made from the ops' definitions by `opdoc --schema`; a test compares.\",\n"
      "  \"properties\": {{\"op\": {{\"anyOf\": [{{\"enum\": [{}]}}, {{\"type\": \"string\"}}]}}}},\n"
      "  \"allOf\": [\n{}\n  ]\n"
      "}}\n",
      names, sections);
}

}  // namespace graphrun::tools
