#include "runtime/session/bound_method.h"

#include <algorithm>

#include "runtime/session/dims.h"
#include "runtime/session/plan.h"

namespace graphrun {

// Turns a lowered method into steps with addresses.
class Binder {
 public:
  Binder(const Model& model, const Method& method, LoweredMethod lowered,
         std::span<const TensorView> gradients, Weights& weights)
      : model_(model),
        method_(method),
        lowered_(std::move(lowered)),
        gradients_(gradients),
        weights_(weights) {}

  Status bind(BoundMethod& bound) {
    const std::size_t count = lowered_.values.size();
    first_.assign(count, -1);
    last_.assign(count, -1);
    home_.assign(count, nullptr);
    root_.resize(count);
    for (std::size_t i = 0; i < count; ++i) root_[i] = static_cast<ValueId>(i);
    GRAPHRUN_TRY(find_homes());
    find_lives();
    share_memory();
    GRAPHRUN_TRY(place(bound));
    make_steps(bound);
    return {};
  }

 private:
  std::int32_t end() const { return static_cast<std::int32_t>(lowered_.nodes.size()); }
  ValueId root(ValueId id) const {
    while (root_[static_cast<std::size_t>(id)] != id) id = root_[static_cast<std::size_t>(id)];
    return id;
  }

  // Values that live in memory of others: variables, gradients, state that is updated in place.
  Status find_homes() {
    for (std::size_t i = 0; i < lowered_.values.size(); ++i) {
      const Value& value = lowered_.values[i];
      if (value.origin == Origin::variable) home_[i] = variable_memory(static_cast<std::size_t>(value.index));
      if (value.origin == Origin::variable && home_[i] == nullptr) {
        return {ErrorCode::invalid_argument,
                "variable \"" + value.name + "\" has no memory in these weights"};
      }
    }
    for (const NamedValue& store : method_.stores) {
      const auto variable = std::ranges::find(model_.variables, store.name, &Variable::name);
      void*& home = home_[static_cast<std::size_t>(store.value)];
      void* memory = variable_memory(static_cast<std::size_t>(variable - model_.variables.begin()));
      if (memory == nullptr)
        return {ErrorCode::invalid_argument, "variable \"" + store.name + "\" has no memory here"};
      if (variable->kind != VariableKind::gradient && !weights_.writable())
        return {ErrorCode::invalid_argument,
                "the method writes \"" + store.name + "\" of weights that are mapped"};
      if (home == nullptr) home = memory;
    }
    for (const LoweredNode& node : lowered_.nodes) {
      if (node.def->writes_inputs && !weights_.writable())
        return {ErrorCode::invalid_argument, node.path + ": writes weights that are mapped from a file"};
      for (const IndexPair& pair : node.def->updates) {
        const ValueId output = node.outputs[static_cast<std::size_t>(pair.output)];
        const ValueId input = node.inputs[static_cast<std::size_t>(pair.input)];
        if (output == kNoValue) continue;
        if (!weights_.writable())
          return {ErrorCode::invalid_argument, node.path + ": writes weights that are mapped from a file"};
        home_[static_cast<std::size_t>(output)] = home_[static_cast<std::size_t>(input)];
      }
    }
    return {};
  }

  void* variable_memory(std::size_t index) const {
    if (model_.variables[index].kind == VariableKind::gradient) {
      return index < gradients_.size() ? gradients_[index].data : nullptr;
    }
    return weights_.variable(index).data;
  }

  void find_lives() {
    for (std::size_t i = 0; i < lowered_.values.size(); ++i) {
      if (lowered_.values[i].origin == Origin::input) first_[i] = 0, last_[i] = end();
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
    for (const NamedValue& output : method_.outputs) last_[static_cast<std::size_t>(output.value)] = end();
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
            home_[o] == nullptr && home_[m] == nullptr && lowered_.values[m].origin == Origin::node;
        const bool fits = lowered_.descs[o] == lowered_.descs[static_cast<std::size_t>(input)];
        if (!dies || !once || !free || !fits) continue;
        root_[o] = memory;
        last_[m] = std::max(last_[m], last_[o]);
        taken.push_back(memory);
      }
    }
  }

  Status place(BoundMethod& bound) {
    std::vector<PlanItem> items;
    item_of_.assign(lowered_.values.size(), -1);
    for (std::size_t i = 0; i < lowered_.values.size(); ++i) {
      if (home_[i] != nullptr || root_[i] != static_cast<ValueId>(i) || first_[i] < 0) continue;
      item_of_[i] = static_cast<std::int32_t>(items.size());
      items.push_back({lowered_.descs[i].bytes(), first_[i], last_[i]});
    }
    scratch_item_ = items.size();
    for (std::int32_t step = 0; step < end(); ++step) {
      items.push_back({lowered_.nodes[static_cast<std::size_t>(step)].kernel->scratch_bytes(), step, step});
    }
    GRAPHRUN_ASSIGN(plan_, plan_memory(items));
    GRAPHRUN_TRY(verify_plan(items, plan_));
    GRAPHRUN_ASSIGN(bound.arena_, weights_.backend()->allocate(plan_.bytes));
    arena_ = static_cast<std::byte*>(bound.arena_->data());
    return {};
  }

  TensorView view(ValueId id) const {
    if (id == kNoValue) return {};
    const auto i = static_cast<std::size_t>(id);
    if (home_[i] != nullptr) return {lowered_.descs[i], home_[i]};
    const std::int32_t item = item_of_[static_cast<std::size_t>(root(id))];
    return {lowered_.descs[i], item < 0 ? nullptr : arena_ + plan_.offsets[static_cast<std::size_t>(item)]};
  }

  void make_steps(BoundMethod& bound) {
    for (std::size_t step = 0; step < lowered_.nodes.size(); ++step) {
      LoweredNode& node = lowered_.nodes[step];
      BoundMethod::Step made{
          std::move(node.path), node.def, std::move(node.kernel), {}, {}, nullptr, nullptr, {}};
      for (const ValueId id : node.inputs) made.inputs.push_back(view(id));
      for (const ValueId id : node.outputs) made.outputs.push_back(view(id));
      if (made.kernel->scratch_bytes() > 0) made.scratch = arena_ + plan_.offsets[scratch_item_ + step];
      if (made.kernel->prepared_bytes() > 0) {
        made.prepared_key = std::string(made.kernel->name()) + " " + made.kernel->prepared_key();
        for (const ValueId id : node.inputs) {
          if (id != kNoValue && lowered_.values[static_cast<std::size_t>(id)].origin == Origin::variable) {
            made.prepared_key += " " + lowered_.values[static_cast<std::size_t>(id)].name;
          }
        }
      }
      bound.steps_.push_back(std::move(made));
    }
    for (std::size_t i = 0; i < lowered_.values.size(); ++i) {
      if (lowered_.values[i].origin == Origin::input) {
        bound.inputs_.emplace_back(lowered_.values[i].name, view(static_cast<ValueId>(i)));
      }
    }
    for (const NamedValue& output : method_.outputs)
      bound.outputs_.emplace_back(output.name, view(output.value));
  }

  const Model& model_;
  const Method& method_;
  LoweredMethod lowered_;
  std::span<const TensorView> gradients_;
  Weights& weights_;
  std::vector<std::int32_t> first_;    // step that writes the value
  std::vector<std::int32_t> last_;     // last step that reads it
  std::vector<void*> home_;            // memory outside the arena
  std::vector<ValueId> root_;          // value whose memory it shares
  std::vector<std::int32_t> item_of_;  // of the plan
  std::size_t scratch_item_ = 0;
  MemoryPlan plan_;
  std::byte* arena_ = nullptr;
};

Result<std::unique_ptr<BoundMethod>> BoundMethod::bind(std::shared_ptr<const Program> program,
                                                       std::string_view method,
                                                       std::shared_ptr<Weights> weights,
                                                       std::span<const TensorView> gradients,
                                                       const MethodOptions& options) {
  const Method* found = program->model().method(method);
  if (found == nullptr) {
    return {ErrorCode::not_found,
            "the model \"" + program->model().name + "\" has no method \"" + std::string(method) + "\""};
  }
  GRAPHRUN_ASSIGN(DimValues dims, solve_dims(*program, options.input_shapes));
  const LowerOptions lower_options{lookup_in(std::move(dims)), options.constant_weights, options.fuse};
  GRAPHRUN_ASSIGN(LoweredMethod lowered, lower(*program, *found, *weights->backend(), lower_options));
  std::unique_ptr<BoundMethod> bound(new BoundMethod());
  GRAPHRUN_TRY(Binder(program->model(), *found, std::move(lowered), gradients, *weights).bind(*bound));
  bound->program_ = std::move(program);
  bound->weights_ = std::move(weights);
  GRAPHRUN_TRY(bound->refresh_prepared());
  return bound;
}

Status BoundMethod::refresh_prepared() {
  const std::uint64_t version = weights_->version();
  if (version == prepared_version_) return {};
  for (Step& step : steps_) {
    if (step.prepared_key.empty()) continue;
    GRAPHRUN_ASSIGN(step.prepared,
                    weights_->prepared(step.prepared_key, *step.kernel, step.inputs).in(step.path));
  }
  prepared_version_ = version;
  return {};
}

Status BoundMethod::run(StepObserver* observer) {
  GRAPHRUN_TRY(refresh_prepared());
  for (Step& step : steps_) {
    const StepView view{step.path, *step.def, step.kernel->name(), step.inputs, step.outputs};
    if (observer != nullptr) observer->before(view);
    Status status = step.kernel->run({step.inputs, step.outputs, step.scratch, step.prepared});
    if (observer != nullptr) observer->after(view);
    if (!status.ok()) return std::move(status).in(step.path);
  }
  return {};
}

namespace {

TensorView find(const std::vector<std::pair<std::string, TensorView>>& views, std::string_view name) {
  for (const auto& [known, view] : views) {
    if (known == name) return view;
  }
  return {};
}

}  // namespace

TensorView BoundMethod::input(std::string_view name) const { return find(inputs_, name); }
TensorView BoundMethod::output(std::string_view name) const { return find(outputs_, name); }

}  // namespace graphrun
