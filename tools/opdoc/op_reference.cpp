#include "tools/opdoc/op_reference.h"

#include <fmt/format.h>

#include <cmath>

namespace graphrun::tools {
namespace {

std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return escaped;
}

std::string text_of(const Expr& expr, AttrKind kind) {
  if (kind == AttrKind::boolean) return expr == Expr(0) ? "false" : "true";
  return to_string(expr);
}

std::string default_of(const AttrSpec& spec) {
  if (!spec.fallback) return "must be given";
  if (const auto* text = std::get_if<std::string>(&*spec.fallback)) return "`" + *text + "`";
  if (const auto* expr = std::get_if<Expr>(&*spec.fallback)) return "`" + text_of(*expr, spec.kind) + "`";
  std::string list;
  for (const Expr& item : std::get<std::vector<Expr>>(*spec.fallback))
    list += (list.empty() ? "" : ", ") + text_of(item, spec.kind);
  return "`[" + list + "]`";
}

std::string values_of(const AttrSpec& spec) {
  std::string values;
  switch (spec.kind) {
    case AttrKind::integer:
      values = "integer";
      break;
    case AttrKind::real:
      values = "number";
      break;
    case AttrKind::boolean:
      return "true or false";
    case AttrKind::text: {
      for (const std::string_view choice : spec.choices)
        values += fmt::format("{}`{}`", values.empty() ? "" : ", ", choice);
      return values;
    }
    case AttrKind::integers:
      values = "integers";
      break;
    case AttrKind::reals:
      values = "numbers";
      break;
  }
  if (spec.length > 0) values = fmt::format("{} {}, or one for all", spec.length, values);
  if (std::isfinite(spec.min)) values += fmt::format(", from {}", spec.min);
  if (std::isfinite(spec.max)) values += fmt::format(", to {}", spec.max);
  if (spec.symbolic) values += "; may depend on N, H, W";
  return values;
}

std::string notes_of(const InputSpec& spec) {
  std::string notes;
  const auto note = [&notes](const std::string& text) { notes += "; " + text; };
  if (spec.is_variable) {
    note(spec.variable == VariableKind::parameter ? "a parameter of the node" : "a buffer of the node");
    if (!spec.if_attribute.empty()) note(fmt::format("only with `{}`", spec.if_attribute));
  }
  if (spec.optional) note("optional");
  if (spec.variadic) note("one or more");
  if (spec.shape_only) note("only its shape is read");
  return notes;
}

std::string notes_of(const OutputSpec& spec) {
  switch (spec.reduction) {
    case Reduction::none:
      return "";
    case Reduction::batch_statistics:
      return "; summed over ranks when batch statistics are synchronised";
    case Reduction::loss:
      return "; summed over ranks";
  }
  return "";
}

// "`momentum` of each parameter"
std::string states_of(const OptimizerSpec& spec) {
  std::string text;
  for (const OptimizerState& state : spec.states)
    text += fmt::format("{}`{}` of each {}", text.empty() ? "" : ", ", state.name,
                        state.scalar ? "group" : "parameter");
  return text;
}

std::string section(const OpDef& def) {
  std::string text = fmt::format("### {}\n\n{}\n\n", def.name, def.doc);
  if (!def.inputs.empty() || !def.outputs.empty()) text += "| | | |\n| --- | --- | --- |\n";
  for (const InputSpec& spec : def.inputs)
    text += fmt::format("| in | `{}` | {}{} |\n", spec.name, cell(spec.doc), notes_of(spec));
  for (const OutputSpec& spec : def.outputs)
    text += fmt::format("| out | `{}` | {}{} |\n", spec.name, cell(spec.doc), notes_of(spec));
  if (!def.attrs.empty()) text += "\n| attribute | values | default | |\n| --- | --- | --- | --- |\n";
  for (const AttrSpec& spec : def.attrs)
    text += fmt::format("| `{}` | {} | {} | {} |\n", spec.name, values_of(spec), default_of(spec),
                        cell(spec.doc));
  text += "\n";
  if (def.gradient != nullptr) {
    text += "Gradient: yes.";
  } else {
    // An op that is rewritten for training is differentiated in that form.
    text +=
        fmt::format("Gradient: {} ({}).", def.for_train != nullptr ? "yes" : "none", def.not_differentiable);
  }
  if (def.precision == Precision::always_f32) text += " Always computed in f32 or wider.";
  if (def.decomposition != nullptr) text += " Defined by its parts.";
  if (def.optimizer) text += fmt::format(" An optimizer; it keeps {}.", states_of(*def.optimizer));
  if (def.recompute) text += " May be computed again in the backward pass.";
  return text + "\n\n";
}

}  // namespace

std::string op_reference(const OpRegistry& ops) {
  std::string text =
      "# Ops\n\n"
      "Made from the ops' definitions by `opdoc`; a test compares. Activations are (N, C, H, W), stored "
      "NHWC.\n"
      "\n## Ops of graph files\n\n";
  for (const OpDef* def : ops.all())
    if (!def->internal) text += section(*def);
  text +=
      "## Internal ops\n\n"
      "What the compiler writes: gradients, parts and forms of the ops above. A graph file cannot use "
      "them.\n\n";
  for (const OpDef* def : ops.all())
    if (def->internal) text += section(*def);
  text.pop_back();
  return text;
}

}  // namespace graphrun::tools
