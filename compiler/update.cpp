#include "compiler/update.h"

#include <algorithm>
#include <numeric>

namespace graphrun::compiler {
namespace {

// * stands for any text, dots included.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// By variable: the optimiser group of a parameter, or -1.
std::vector<int> assign_groups(const model::Model& model, const Optimizer& optimizer,
                               Diagnostics& diagnostics) {
  std::vector<int> groups(model.variables.size(), -1);
  std::vector<int> sizes(optimizer.groups.size(), 0);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (model.variables[i].kind != VariableKind::parameter) continue;
    const auto found = std::ranges::find_if(optimizer.groups, [&](const OptimizerGroup& group) {
      return matches(group.match, model.variables[i].name);
    });
    if (found == optimizer.groups.end()) {
      diagnostics.error(optimizer.at, model.variables[i].name, "no group of \"train\" takes this parameter");
      continue;
    }
    groups[i] = static_cast<int>(found - optimizer.groups.begin());
    ++sizes[static_cast<std::size_t>(groups[i])];
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0)
      diagnostics.error(optimizer.groups[i].at,
                        "no parameter is left for the group " + in_quotes(optimizer.groups[i].match));
  }
  return groups;
}

// By variable: it has a gradient.
std::vector<bool> trained(const model::Model& model) {
  std::vector<bool> result(model.variables.size(), false);
  for (const model::Variable& variable : model.variables) {
    if (variable.kind == VariableKind::gradient) result[static_cast<std::size_t>(variable.of)] = true;
  }
  return result;
}

// By variable: the node of `train` after which a parameter's gradient is ready.
std::vector<std::int32_t> ready_times(const model::Model& model, const Graph& train) {
  std::vector<std::int32_t> times(model.variables.size(), INT32_MAX);
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    const model::Variable& variable = model.variables[i];
    if (variable.kind != VariableKind::gradient) continue;
    const auto store = std::ranges::find(train.method.stores, variable.name, &model::NamedValue::name);
    times[static_cast<std::size_t>(variable.of)] =
        train.method.values[static_cast<std::size_t>(store->value)].index;
  }
  return times;
}

void add_states(model::Model& model, const std::vector<bool>& has_gradient) {
  std::vector<model::Variable> states;
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    if (!has_gradient[i]) continue;
    model::Variable state;
    state.name = "momentum:" + model.variables[i].name;
    state.kind = VariableKind::optimizer_state;
    state.shape = model.variables[i].shape;
    state.of = static_cast<std::int32_t>(i);
    states.push_back(std::move(state));
  }
  model.variables.insert(model.variables.end(), states.begin(), states.end());
}

void reorder(model::Model& model, const std::vector<Graph*>& graphs, const std::vector<std::int32_t>& order) {
  std::vector<std::int32_t> place(order.size());
  std::vector<model::Variable> variables;
  for (std::size_t i = 0; i < order.size(); ++i) {
    place[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i);
    variables.push_back(std::move(model.variables[static_cast<std::size_t>(order[i])]));
  }
  for (model::Variable& variable : variables) {
    if (variable.of >= 0) variable.of = place[static_cast<std::size_t>(variable.of)];
  }
  model.variables = std::move(variables);
  for (Graph* graph : graphs) {
    for (model::Value& value : graph->method.values) {
      if (value.origin == model::Origin::variable) value.index = place[static_cast<std::size_t>(value.index)];
    }
  }
}

}  // namespace

std::vector<bool> fixed_parameters(const model::Model& model, const Optimizer& optimizer) {
  std::vector<bool> fixed(model.variables.size(), false);
  const auto is_still = [](const OptimizerGroup& group) {
    const auto rate = group.attrs.find("lr_mult");
    if (rate == group.attrs.end()) return false;
    const auto no_symbol = [](std::string_view) { return std::optional<Number>(); };
    const Result<double> value = evaluate_real(std::get<Expr>(rate->second), no_symbol);
    return value.ok() && *value == 0;
  };
  for (std::size_t i = 0; i < fixed.size(); ++i) {
    if (model.variables[i].kind != VariableKind::parameter) continue;
    const auto found = std::ranges::find_if(optimizer.groups, [&](const OptimizerGroup& group) {
      return matches(group.match, model.variables[i].name);
    });
    fixed[i] = found != optimizer.groups.end() && is_still(*found);
  }
  return fixed;
}

ParameterGroups order_variables(Context context, const Optimizer& optimizer, std::vector<Graph*> graphs,
                                const Graph& train, Diagnostics& diagnostics) {
  model::Model& model = context.model;
  std::vector<int> groups = assign_groups(model, optimizer, diagnostics);
  const std::vector<bool> has_gradient = trained(model);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!has_gradient[i]) groups[i] = -1;
  }
  std::vector<std::int32_t> times = ready_times(model, train);
  add_states(model, has_gradient);

  // A group stands where its first gradient becomes ready.
  std::vector<std::int32_t> group_start(optimizer.groups.size() + 1, INT32_MAX);
  const auto start_of = [&](std::int32_t parameter) -> std::int32_t& {
    return group_start[static_cast<std::size_t>(groups[static_cast<std::size_t>(parameter)] + 1)];
  };
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::int32_t& start = start_of(static_cast<std::int32_t>(i));
    if (model.variables[i].kind == VariableKind::parameter) start = std::min(start, times[i]);
  }
  const auto key = [&](std::int32_t index) {
    const model::Variable& variable = model.variables[static_cast<std::size_t>(index)];
    if (variable.kind == VariableKind::buffer) return std::tuple(1, 0, 0);
    const std::int32_t parameter = variable.kind == VariableKind::parameter ? index : variable.of;
    const int region = variable.kind == VariableKind::parameter  ? 0
                       : variable.kind == VariableKind::gradient ? 2
                                                                 : 3;
    return std::tuple(region, start_of(parameter), times[static_cast<std::size_t>(parameter)]);
  };
  std::vector<std::int32_t> order(model.variables.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, key);

  ParameterGroups result{std::vector<std::vector<std::int32_t>>(optimizer.groups.size())};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto old = static_cast<std::size_t>(order[i]);
    const bool grouped = old < groups.size() && groups[old] >= 0;
    if (grouped)
      result.members[static_cast<std::size_t>(groups[old])].push_back(static_cast<std::int32_t>(i));
  }
  reorder(model, graphs, order);
  return result;
}

Result<Graph> make_update(Context context, const Optimizer& optimizer, const ParameterGroups& groups) {
  Builder builder(context, "update");
  const std::vector<model::Variable>& variables = context.model.variables;
  std::vector<std::int32_t> gradient(variables.size(), -1);
  std::vector<std::int32_t> state(variables.size(), -1);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].kind == VariableKind::gradient)
      gradient[static_cast<std::size_t>(variables[i].of)] = static_cast<std::int32_t>(i);
    if (variables[i].kind == VariableKind::optimizer_state)
      state[static_cast<std::size_t>(variables[i].of)] = static_cast<std::int32_t>(i);
  }
  const ValueId lr = builder.input("lr", ValueType::dense(DType::f32, {}));
  for (std::size_t g = 0; g < groups.members.size(); ++g) {
    if (groups.members[g].empty()) continue;
    std::vector<ValueId> inputs{lr};
    for (const std::int32_t parameter : groups.members[g]) inputs.push_back(builder.variable(parameter));
    for (const std::int32_t parameter : groups.members[g])
      inputs.push_back(builder.variable(gradient[static_cast<std::size_t>(parameter)]));
    for (const std::int32_t parameter : groups.members[g])
      inputs.push_back(builder.variable(state[static_cast<std::size_t>(parameter)]));
    builder.set_path("update." + std::to_string(g));
    builder.add(optimizer.op, std::move(inputs), optimizer.groups[g].attrs, "");
  }
  return std::move(builder).finish();
}

}  // namespace graphrun::compiler
