#include "runtime/session/method_plan.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "runtime/session/plan.h"

namespace graphrun::session {
namespace {

class Planner {
 public:
  Planner(const LoweredMethod& lowered, const std::vector<std::int32_t>& variables)
      : lowered_(lowered), variables_(variables) {
    const std::size_t count = lowered_.values.size();
    first_.assign(count, -1);
    last_.assign(count, -1);
    for (std::size_t i = 0; i < count; ++i) root_.push_back(static_cast<ValueId>(i));
  }

  Result<MethodPlan> plan(bool with_scratch) {
    with_scratch_ = with_scratch;
    find_lives();
    share_memory();
    return place();
  }

 private:
  std::int32_t end() const { return static_cast<std::int32_t>(lowered_.nodes.size()); }
  ValueId root(ValueId id) const {
    while (root_[static_cast<std::size_t>(id)] != id) id = root_[static_cast<std::size_t>(id)];
    return id;
  }

  void find_lives() {
    for (std::size_t i = 0; i < lowered_.values.size(); ++i) {
      if (lowered_.values[i].origin == model::Origin::input) first_[i] = 0, last_[i] = end();
    }
    for (std::int32_t step = 0; step < end(); ++step) {
      const LoweredNode& node = lowered_.nodes[static_cast<std::size_t>(step)];
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const std::size_t spec = std::min(i, node.def->inputs.size() - 1);
        if (node.inputs[i] == kNoValue || node.def->inputs[spec].shape_only) continue;
        std::int32_t& last = last_[static_cast<std::size_t>(node.inputs[i])];
        last = std::max(last, step);
      }
      for (const ValueId id : node.outputs) {
        if (id == kNoValue) continue;
        first_[static_cast<std::size_t>(id)] = step;
        last_[static_cast<std::size_t>(id)] = std::max(last_[static_cast<std::size_t>(id)], step);
      }
    }
    for (const model::NamedValue& output : lowered_.outputs)
      last_[static_cast<std::size_t>(output.value)] = end();
  }

  // Outputs that may take the memory of an input which dies there.
  void share_memory() {
    for (std::int32_t step = 0; step < end(); ++step) {
      const LoweredNode& node = lowered_.nodes[static_cast<std::size_t>(step)];
      std::vector<ValueId> taken;
      for (const IndexPair& pair : node.def->in_place) {
        const ValueId output = node.outputs[static_cast<std::size_t>(pair.output)];
        if (static_cast<std::size_t>(pair.input) >= node.inputs.size() || output == kNoValue) continue;
        const ValueId input = node.inputs[static_cast<std::size_t>(pair.input)];
        if (input == kNoValue || root_[static_cast<std::size_t>(output)] != output) continue;
        const auto o = static_cast<std::size_t>(output);
        const ValueId memory = root(input);
        const auto m = static_cast<std::size_t>(memory);
        const bool dies = last_[m] == step && last_[static_cast<std::size_t>(input)] == step;
        const bool once =
            std::ranges::count(node.inputs, input) == 1 && std::ranges::find(taken, memory) == taken.end();
        const bool free =
            variables_[o] < 0 && variables_[m] < 0 && lowered_.values[m].origin == model::Origin::node;
        // Integers may stand for other numbers afterwards.
        TensorDesc replaced = lowered_.descs[static_cast<std::size_t>(input)];
        replaced.quantisation = lowered_.descs[o].quantisation;
        const bool fits = lowered_.descs[o] == replaced;
        if (!dies || !once || !free || !fits) continue;
        root_[o] = memory;
        last_[m] = std::max(last_[m], last_[o]);
        taken.push_back(memory);
      }
    }
  }

  Result<MethodPlan> place() const {
    std::vector<PlanItem> items;
    std::vector<std::int32_t> item_of(lowered_.values.size(), -1);
    for (std::size_t i = 0; i < lowered_.values.size(); ++i) {
      if (variables_[i] >= 0 || root_[i] != static_cast<ValueId>(i) || first_[i] < 0) continue;
      item_of[i] = static_cast<std::int32_t>(items.size());
      items.push_back({lowered_.descs[i].bytes(), first_[i], last_[i]});
    }
    const std::size_t scratch = items.size();
    for (std::int32_t step = 0; step < end(); ++step) {
      const std::int64_t scratch_bytes =
          lowered_.nodes[static_cast<std::size_t>(step)].kernel->scratch_bytes();
      items.push_back({with_scratch_ ? scratch_bytes : 0, step, step});
    }
    GRAPHRUN_ASSIGN(const MemoryPlan memory, plan_memory(items));
    GRAPHRUN_TRY(verify_plan(items, memory));
    MethodPlan plan;
    plan.bytes = memory.bytes;
    for (std::size_t i = 0; i < lowered_.values.size(); ++i) {
      const std::int32_t item = item_of[static_cast<std::size_t>(root(static_cast<ValueId>(i)))];
      const bool here = variables_[i] < 0 && item >= 0;
      plan.values.push_back(here ? memory.offsets[static_cast<std::size_t>(item)] : -1);
    }
    plan.scratch.assign(memory.offsets.begin() + static_cast<std::ptrdiff_t>(scratch), memory.offsets.end());
    return plan;
  }

  const LoweredMethod& lowered_;
  const std::vector<std::int32_t>& variables_;
  bool with_scratch_ = true;
  std::vector<std::int32_t> first_;  // step that writes the value
  std::vector<std::int32_t> last_;   // last step that reads it
  std::vector<ValueId> root_;        // value whose memory it shares
};

}  // namespace

std::vector<std::int32_t> variables_of(const model::Model& model, const model::Method& method,
                                       const LoweredMethod& lowered) {
  std::vector<std::int32_t> variables(lowered.values.size(), -1);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (lowered.values[i].origin == model::Origin::variable) variables[i] = lowered.values[i].index;
  }
  std::unordered_map<std::string_view, std::int32_t> by_name;
  for (std::size_t i = 0; !method.stores.empty() && i < model.variables.size(); ++i)
    by_name.emplace(model.variables[i].name, static_cast<std::int32_t>(i));
  for (const model::NamedValue& store : method.stores) {
    std::int32_t& home = variables[static_cast<std::size_t>(store.value)];
    if (home < 0) home = by_name.at(store.name);
  }
  for (const LoweredNode& node : lowered.nodes) {
    for (const IndexPair& pair : node.def->updates) {
      const ValueId output = node.outputs[static_cast<std::size_t>(pair.output)];
      if (output == kNoValue) continue;
      variables[static_cast<std::size_t>(output)] =
          variables[static_cast<std::size_t>(node.inputs[static_cast<std::size_t>(pair.input)])];
    }
  }
  return variables;
}

Result<MethodPlan> plan_method(const LoweredMethod& lowered, const std::vector<std::int32_t>& variables,
                               bool with_scratch) {
  return Planner(lowered, variables).plan(with_scratch);
}

}  // namespace graphrun::session
