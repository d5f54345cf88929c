#include "runtime/session/shard.h"

#include <algorithm>
#include <variant>

namespace graphrun::session {
namespace {

// The values of a method that its nodes still use, under new numbers.
class ValueCopier {
 public:
  explicit ValueCopier(const model::Method& from) : from_(from), ids_(from.values.size(), kNoValue) {}
  ValueId copy(ValueId id, model::Method& to) {
    if (id == kNoValue) return id;
    ValueId& made = ids_[static_cast<std::size_t>(id)];
    if (made == kNoValue) {
      made = static_cast<ValueId>(to.values.size());
      to.values.push_back(from_.values[static_cast<std::size_t>(id)]);
    }
    return made;
  }

 private:
  const model::Method& from_;
  std::vector<ValueId> ids_;
};

using Kept = std::vector<bool>;  // by parameter of a node, in their order

// A list of one element a parameter loses those of the parameters that are not kept.
void restrict_lists(const Kept& kept, AttrMap& attrs) {
  for (auto& [name, value] : attrs) {
    auto* const list = std::get_if<std::vector<Expr>>(&value);
    if (list == nullptr || list->size() != kept.size() || list->size() == 1) continue;
    std::vector<Expr> rest;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (kept[i]) rest.push_back((*list)[i]);
    }
    *list = std::move(rest);
  }
}

}  // namespace

std::vector<int> partition_parameters(const model::Program& program, int comm) {
  const std::vector<model::Variable>& variables = program.model().variables;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].kind == VariableKind::gradient) total += program.variable_shape(i).count();
  }
  std::vector<int> owners(variables.size(), -1);
  std::int64_t before = 0;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].kind != VariableKind::gradient) continue;
    const std::int64_t count = program.variable_shape(i).count();
    const auto owner = static_cast<int>((before + count / 2) * comm / std::max<std::int64_t>(total, 1));
    before += count;
    owners[i] = std::min(owner, comm - 1);
    owners[static_cast<std::size_t>(variables[i].of)] = owners[i];
  }
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].kind == VariableKind::optimizer_state && variables[i].of >= 0)
      owners[i] = owners[static_cast<std::size_t>(variables[i].of)];
  }
  return owners;
}

std::vector<bool> held_by(const std::vector<int>& owners, int rank) {
  std::vector<bool> held;
  for (const int owner : owners) held.push_back(owner < 0 || owner == rank);
  return held;
}

Result<model::Method> shard_update(const model::Model& model, const model::Method& update,
                                   const std::vector<int>& owners, int rank) {
  model::Method result;
  result.name = update.name;
  ValueCopier values(update);
  for (const Node& node : update.nodes) {
    Node own{node.path, node.op, node.attrs, {}, {}};
    std::vector<ValueId> inputs;
    Kept kept;
    bool keeps_variables = false;
    for (const ValueId input : node.inputs) {
      const model::Value& value = update.values[static_cast<std::size_t>(input)];
      const bool is_variable = value.origin == model::Origin::variable;
      const auto variable = static_cast<std::size_t>(value.index);
      const bool is_own = !is_variable || owners[variable] == rank || owners[variable] < 0;
      if (is_variable && model.variables[variable].kind == VariableKind::parameter) kept.push_back(is_own);
      keeps_variables = keeps_variables || (is_variable && is_own);
      if (is_own) inputs.push_back(input);
    }
    if (!node.outputs.empty())
      return {ErrorCode::unsupported,
              node.path + ": an update with outputs cannot be shared out among ranks"};
    if (!keeps_variables) continue;
    for (const ValueId input : inputs) own.inputs.push_back(values.copy(input, result));
    restrict_lists(kept, own.attrs);
    result.nodes.push_back(std::move(own));
  }
  return result;
}

}  // namespace graphrun::session
