#include "compiler/parameter_groups.h"

#include <algorithm>
#include <map>

#include "runtime/core/pattern.h"

namespace graphrun::compiler {
namespace {

// A parameter as selectors see it.
struct Parameter {
  std::int32_t index = 0;
  std::string_view name;
  std::string_view op;
  std::string_view operand;
  std::size_t rank = 0;
};

std::vector<Parameter> parameters_of(const Context& context, const Graph& graph) {
  const std::vector<model::Variable>& variables = context.model.variables;
  std::vector<Parameter> found;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].kind == VariableKind::parameter)
      found.push_back({static_cast<std::int32_t>(i), variables[i].name, {}, {}, variables[i].shape.size()});
  }
  std::map<std::int32_t, Parameter*> by_index;
  for (Parameter& parameter : found) by_index[parameter.index] = &parameter;
  for (const Node& node : graph.method.nodes) {
    const OpDef& def = *context.ops.find(node.op);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue) continue;
      const model::Value& value = graph.method.values[static_cast<std::size_t>(node.inputs[i])];
      const auto read = value.origin == model::Origin::variable ? by_index.find(value.index) : by_index.end();
      if (read == by_index.end() || !read->second->op.empty()) continue;  // the first node that reads it
      read->second->op = def.name;
      read->second->operand = def.inputs[std::min(i, def.inputs.size() - 1)].name;
    }
  }
  return found;
}

bool selects(const OptimizerGroup& group, const Parameter& parameter) {
  return std::ranges::any_of(group.match, [&](const ParameterSelector& one) {
    return core::matches_pattern(one.name, parameter.name) && core::matches_pattern(one.op, parameter.op) &&
           core::matches_pattern(one.operand, parameter.operand) &&
           (one.rank < 0 || static_cast<std::size_t>(one.rank) == parameter.rank);
  });
}

std::string text_of(const ParameterSelector& selector) {
  std::string text;
  const auto add = [&text](const char* key, const std::string& value) {
    text += std::string(text.empty() ? "" : ", ") + key + " " + value;
  };
  const ParameterSelector any;
  if (selector.op != any.op) add("op", in_quotes(selector.op));
  if (selector.operand != any.operand) add("operand", in_quotes(selector.operand));
  if (selector.rank >= 0) add("rank", std::to_string(selector.rank));
  if (text.empty()) return in_quotes(selector.name);
  if (selector.name != any.name) add("name", in_quotes(selector.name));
  return text;
}

// Each of a list of groups or rules, and whether a parameter was found for it.
void report_unused(const std::vector<OptimizerGroup>& list, const std::vector<bool>& used,
                   std::string_view what, Diagnostics& diagnostics) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (used[i]) continue;
    std::string text;
    for (const ParameterSelector& one : list[i].match) text += (text.empty() ? "" : " or ") + text_of(one);
    diagnostics.error(list[i].at, "no parameter is left for the " + std::string(what) + " " + text);
  }
}

// Comparing a pattern with stars can take as many steps as both have letters, times one another.
bool too_many(const Optimizer& optimizer, const std::vector<Parameter>& parameters) {
  constexpr double kMaxSteps = 1e9;
  double letters = 1;
  for (const Parameter& parameter : parameters)
    letters += static_cast<double>(parameter.name.size() + parameter.op.size() + parameter.operand.size());
  double steps = 0;
  for (const std::vector<OptimizerGroup>* list : {&optimizer.groups, &optimizer.rules}) {
    for (const OptimizerGroup& group : *list) {
      for (const ParameterSelector& one : group.match) {
        const bool stars = one.name.size() > 1 && one.name.find('*') != std::string::npos;
        const double each = stars ? static_cast<double>(one.name.size()) / 4 * letters
                                  : static_cast<double>(parameters.size());
        steps += each + static_cast<double>(one.op.size() + one.operand.size()) * letters / 4;
      }
    }
  }
  return steps > kMaxSteps;
}

AttrMap merged(AttrMap attrs, const AttrMap& more) {
  for (const auto& [name, value] : more) attrs[name] = value;
  return attrs;
}

}  // namespace

std::vector<ParameterGroup> make_parameter_groups(Context context, const Optimizer& optimizer,
                                                  const Graph& graph, Diagnostics& diagnostics) {
  const std::vector<OptimizerGroup>& groups = optimizer.groups;
  std::vector<bool> group_used(groups.size(), false);
  std::vector<bool> rule_used(optimizer.rules.size(), false);
  std::map<std::pair<std::size_t, std::vector<bool>>, ParameterGroup> parts;  // by group and rules
  const std::vector<Parameter> parameters = parameters_of(context, graph);
  if (too_many(optimizer, parameters)) {
    diagnostics.error(optimizer.at, "too many patterns for so many parameters");
    return {};
  }
  for (const Parameter& parameter : parameters) {
    const auto group =
        std::ranges::find_if(groups, [&](const OptimizerGroup& one) { return selects(one, parameter); });
    if (group == groups.end()) {
      diagnostics.error(optimizer.at, parameter.name, "no group of \"train\" takes this parameter");
      continue;
    }
    const auto number = static_cast<std::size_t>(group - groups.begin());
    group_used[number] = true;
    AttrMap attrs = merged(optimizer.attrs, group->attrs);
    std::vector<bool> applied;
    for (std::size_t i = 0; i < optimizer.rules.size(); ++i) {
      applied.push_back(selects(optimizer.rules[i], parameter));
      if (!applied.back()) continue;
      rule_used[i] = true;
      attrs = merged(std::move(attrs), optimizer.rules[i].attrs);
    }
    ParameterGroup& part = parts[{number, std::move(applied)}];
    part.attrs = std::move(attrs);
    part.members.push_back(parameter.index);
  }
  report_unused(groups, group_used, "group", diagnostics);
  if (optimizer.rules_written) report_unused(optimizer.rules, rule_used, "rule", diagnostics);
  std::vector<ParameterGroup> result;
  for (auto& [key, part] : parts) result.push_back(std::move(part));
  return result;
}

std::vector<bool> fixed_parameters(Context context, const Optimizer& optimizer,
                                   const std::vector<ParameterGroup>& groups) {
  const std::string_view multiplier = context.ops.find(optimizer.op)->optimizer->rate_multiplier;
  const auto no_symbol = [](std::string_view) { return std::optional<Number>(); };
  std::vector<bool> fixed(context.model.variables.size(), false);
  for (const ParameterGroup& group : groups) {
    const auto found = group.attrs.find(multiplier);
    const Expr* rate = found == group.attrs.end() ? nullptr : std::get_if<Expr>(&found->second);
    if (rate == nullptr) continue;
    const Result<double> value = evaluate_real(*rate, no_symbol);
    if (!value.ok() || *value != 0) continue;
    for (const std::int32_t member : group.members) fixed[static_cast<std::size_t>(member)] = true;
  }
  return fixed;
}

}  // namespace graphrun::compiler
