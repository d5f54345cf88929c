#include "compiler/update.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace graphrun::compiler {
namespace {

std::string path_of(std::size_t group) { return "update." + std::to_string(group); }

std::string state_name(const OptimizerState& state, std::string_view of) {
  return std::string(state.name) + ":" + std::string(of);
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
  std::unordered_map<std::string_view, ValueId> stored;
  for (const model::NamedValue& store : train.method.stores) stored.emplace(store.name, store.value);
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    const model::Variable& variable = model.variables[i];
    if (variable.kind != VariableKind::gradient) continue;
    times[static_cast<std::size_t>(variable.of)] =
        train.method.values[static_cast<std::size_t>(stored.at(variable.name))].index;
  }
  return times;
}

// Appends the states of all trained parameters; of a scalar one for each group that has such parameters.
void add_states(model::Model& model, const OptimizerSpec& optimizer,
                const std::vector<ParameterGroup>& groups) {
  const std::vector<bool> has_gradient = trained(model);
  std::vector<model::Variable> states;
  for (const OptimizerState& state : optimizer.states) {
    if (state.scalar) continue;
    for (std::size_t i = 0; i < has_gradient.size(); ++i) {
      if (!has_gradient[i]) continue;
      model::Variable& added = states.emplace_back();
      added.name = state_name(state, model.variables[i].name);
      added.shape = model.variables[i].shape;
      added.of = static_cast<std::int32_t>(i);
    }
  }
  for (const OptimizerState& state : optimizer.states) {
    if (!state.scalar) continue;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (!groups[g].members.empty()) states.emplace_back().name = state_name(state, path_of(g));
    }
  }
  for (model::Variable& state : states) state.kind = VariableKind::optimizer_state;
  model.variables.insert(model.variables.end(), states.begin(), states.end());
}

// Where a variable lies: the smaller, the earlier. States come in the order in which add_states() made them:
// each begins anew with the first parameter, and scalars belong to none.
using Place = std::tuple<int, std::int32_t, std::int32_t>;

std::vector<Place> places_of(const model::Model& model, const std::vector<ParameterGroup>& groups,
                             const std::vector<std::int32_t>& times) {
  // A group stands where its first gradient becomes ready.
  std::vector<std::int32_t> start(model.variables.size(), INT32_MAX);
  for (const ParameterGroup& group : groups) {
    std::int32_t first = INT32_MAX;
    for (const std::int32_t member : group.members)
      first = std::min(first, times[static_cast<std::size_t>(member)]);
    for (const std::int32_t member : group.members) start[static_cast<std::size_t>(member)] = first;
  }
  constexpr int kFirstState = 3;
  int state = kFirstState;
  std::int32_t last_owner = -1;
  std::vector<Place> places;
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    const model::Variable& variable = model.variables[i];
    if (variable.kind == VariableKind::buffer) {
      places.emplace_back(1, 0, 0);
      continue;
    }
    if (variable.kind == VariableKind::optimizer_state) {
      state += variable.of <= last_owner ? 1 : 0;
      last_owner = variable.of;
    }
    const int region = variable.kind == VariableKind::parameter  ? 0
                       : variable.kind == VariableKind::gradient ? 2
                                                                 : state;
    const std::size_t parameter =
        variable.kind == VariableKind::parameter ? i : static_cast<std::size_t>(variable.of);
    if (variable.kind != VariableKind::parameter && variable.of < 0) {
      places.emplace_back(region, 0, 0);
    } else {
      places.emplace_back(region, start[parameter], times[parameter]);
    }
  }
  return places;
}

// `order`: the old index of each variable.
void reorder(model::Model& model, const std::vector<Graph*>& graphs, std::vector<ParameterGroup>& groups,
             const std::vector<std::int32_t>& order) {
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
  for (ParameterGroup& group : groups) {
    for (std::int32_t& member : group.members) member = place[static_cast<std::size_t>(member)];
    std::ranges::sort(group.members);
  }
}

}  // namespace

void order_variables(Context context, const OptimizerSpec& optimizer, std::vector<ParameterGroup>& groups,
                     const std::vector<Graph*>& graphs, const Graph& train) {
  model::Model& model = context.model;
  const std::vector<bool> has_gradient = trained(model);
  for (ParameterGroup& group : groups) {
    std::erase_if(group.members,
                  [&](std::int32_t member) { return !has_gradient[static_cast<std::size_t>(member)]; });
  }
  add_states(model, optimizer, groups);
  const std::vector<Place> places = places_of(model, groups, ready_times(model, train));
  std::vector<std::int32_t> order(model.variables.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {},
                           [&](std::int32_t variable) { return places[static_cast<std::size_t>(variable)]; });
  reorder(model, graphs, groups, order);
}

Result<Graph> make_update(Context context, const OpDef& optimizer,
                          const std::vector<ParameterGroup>& groups) {
  Builder builder(context, std::string(model::methods::kUpdate));
  const std::vector<model::Variable>& variables = context.model.variables;
  std::map<std::string, std::int32_t, std::less<>> by_name;
  std::map<std::int32_t, std::int32_t> gradient;  // by parameter
  for (std::size_t i = 0; i < variables.size(); ++i) {
    by_name[variables[i].name] = static_cast<std::int32_t>(i);
    if (variables[i].kind == VariableKind::gradient) gradient[variables[i].of] = static_cast<std::int32_t>(i);
  }
  std::vector<ValueId> given;  // by the training loop
  for (std::size_t i = 0; i + 1 < optimizer.inputs.size(); ++i)
    given.push_back(builder.input(optimizer.inputs[i].name, ValueType::dense(DType::f32, {})));
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::vector<std::int32_t>& members = groups[g].members;
    if (members.empty()) continue;
    std::vector<ValueId> inputs = given;
    for (const std::int32_t member : members) inputs.push_back(builder.variable(member));
    for (const std::int32_t member : members) inputs.push_back(builder.variable(gradient.at(member)));
    const auto add_state = [&](const OptimizerState& state, std::string_view of) {
      inputs.push_back(builder.variable(by_name.find(state_name(state, of))->second));
    };
    for (const OptimizerState& state : optimizer.optimizer->states) {
      for (std::size_t i = 0; !state.scalar && i < members.size(); ++i)
        add_state(state, variables[static_cast<std::size_t>(members[i])].name);
    }
    for (const OptimizerState& state : optimizer.optimizer->states) {
      if (state.scalar) add_state(state, path_of(g));
    }
    builder.set_path(path_of(g));
    builder.add(optimizer.name, std::move(inputs), groups[g].attrs, "");
  }
  return std::move(builder).finish();
}

}  // namespace graphrun::compiler
