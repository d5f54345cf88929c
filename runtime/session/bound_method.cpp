#include "runtime/session/bound_method.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "runtime/core/guard.h"
#include "runtime/model/device_id.h"
#include "runtime/model/team.h"

namespace graphrun::session {

namespace {}  // namespace

// Turns a planned method into steps with addresses.
class Binder {
 public:
  Binder(const model::Model& model, PlannedMethod planned, std::span<const TensorView> gradients,
         weights::Weights& weights)
      : model_(model),
        method_(*planned.method),
        lowered_(std::move(planned.lowered)),
        variables_(std::move(planned.variables)),
        plan_(std::move(planned.plan)),
        recomputations_(planned.rematerialisations),
        gradients_(gradients),
        weights_(weights),
        device_(model::device_id(*weights.backend())) {}

  Status bind(BoundMethod& bound, const MethodOptions& options) {
    const std::vector<std::size_t> wide = wide_variables();
    GRAPHRUN_TRY(weights_.make_wide(wide));
    GRAPHRUN_TRY(check_variables(wide));
    GRAPHRUN_TRY(check_writes());
    if (options.arena) {
      GRAPHRUN_ASSIGN(bound.arena_, options.arena(plan_.bytes));
    } else {
      GRAPHRUN_ASSIGN(bound.arena_, weights_.backend()->allocate(plan_.bytes).with_context("activations"));
    }
    arena_ = static_cast<std::byte*>(bound.arena_->data());
    bound.arena_bytes_ = plan_.bytes;
    bound.table_bytes_ = lowered_.table_bytes;
    bound.recomputations_ = recomputations_;
    bound.left_out_ = lowered_.left_out;
    bound.reductions_ = options.reductions;
    make_steps(bound);
    return {};
  }

 private:
  // What the method reads or writes as it stands in the model, not in 8 bits; each once.
  std::vector<std::size_t> wide_variables() const {
    std::set<std::size_t> found;
    const auto add = [&](ValueId id) {
      const std::int32_t variable = id == kNoValue ? -1 : variables_[static_cast<std::size_t>(id)];
      if (variable < 0 || lowered_.descs[static_cast<std::size_t>(id)].dtype == DType::s8) return;
      found.insert(static_cast<std::size_t>(variable));
    };
    for (const LoweredNode& node : lowered_.nodes) {
      std::ranges::for_each(node.inputs, add);
      std::ranges::for_each(node.outputs, add);
    }
    for (const model::NamedValue& output : lowered_.outputs) add(output.value);
    return {found.begin(), found.end()};
  }

  Status check_variables(std::span<const std::size_t> variables) const {
    for (const std::size_t variable : variables) {
      if (memory_of(variable) != nullptr) continue;
      return {ErrorCode::invalid_argument,
              "variable \"" + model_.variables[variable].name + "\" has no memory in these weights"};
    }
    return {};
  }

  Status check_writes() const {
    if (weights_.writable()) return {};
    std::unordered_set<std::string_view> gradients;
    for (const model::Variable& variable : model_.variables) {
      if (variable.kind == VariableKind::gradient) gradients.insert(variable.name);
    }
    for (const model::NamedValue& store : method_.stores) {
      if (!gradients.contains(store.name))
        return {ErrorCode::invalid_argument,
                "the method writes \"" + store.name + "\" of weights that are mapped"};
    }
    for (const LoweredNode& node : lowered_.nodes) {
      const bool updates = std::ranges::any_of(node.def->updates, [&](const IndexPair& pair) {
        return node.outputs[static_cast<std::size_t>(pair.output)] != kNoValue;
      });
      if (updates || node.def->writes_inputs)
        return {ErrorCode::invalid_argument, node.path + ": writes weights that are mapped from a file"};
    }
    return {};
  }

  void* memory_of(std::size_t index) const {
    if (model_.variables[index].kind == VariableKind::gradient) {
      return index < gradients_.size() ? gradients_[index].data : nullptr;
    }
    return weights_.variable(index).data;
  }

  TensorView view(ValueId id) const {
    if (id == kNoValue) return {};
    const auto i = static_cast<std::size_t>(id);
    if (lowered_.descs[i].dtype == DType::s8)
      return weights_.eight_bits(static_cast<std::size_t>(variables_[i]));
    if (variables_[i] >= 0)
      return {lowered_.descs[i], memory_of(static_cast<std::size_t>(variables_[i])), device_};
    return {lowered_.descs[i], plan_.values[i] < 0 ? nullptr : arena_ + plan_.values[i], device_};
  }

  void add_exchanges(const Reductions& reductions, BoundMethod::Step& step) const {
    for (std::size_t i = 0; i < step.def->outputs.size() && i < step.outputs.size(); ++i) {
      const Reduction reduction = step.def->outputs[i].reduction;
      if (reduction == Reduction::none || step.outputs[i].data == nullptr) continue;
      const auto& comm = reduction == Reduction::loss ? reductions.loss : reductions.batch_statistics;
      if (comm != nullptr && comm->size() > 1) step.exchanges.push_back({comm.get(), step.outputs[i]});
    }
  }

  void add_variables(std::span<const ValueId> values, BoundMethod::Step& step) const {
    for (const ValueId id : values) {
      if (id == kNoValue) continue;
      const std::int32_t variable = variables_[static_cast<std::size_t>(id)];
      if (variable >= 0) step.variables.push_back(variable);
    }
  }

  void make_steps(BoundMethod& bound) {
    for (std::size_t step = 0; step < lowered_.nodes.size(); ++step) {
      LoweredNode& node = lowered_.nodes[step];
      BoundMethod::Step made{
          std::move(node.path), node.def, node.kernel, {}, {}, nullptr, nullptr, {}, {}, {}, node.operations};
      for (const ValueId id : node.inputs) made.inputs.push_back(view(id));
      for (const ValueId id : node.outputs) made.outputs.push_back(view(id));
      if (made.kernel->scratch_bytes() > 0) made.scratch = arena_ + plan_.scratch[step];
      if (made.kernel->packed_bytes() > 0) made.packed_key = packed_key(lowered_, node);
      add_exchanges(bound.reductions_, made);
      add_variables(node.inputs, made);
      add_variables(node.outputs, made);
      bound.steps_.push_back(std::move(made));
    }
    for (std::size_t i = 0; i < lowered_.values.size(); ++i) {
      if (lowered_.values[i].origin == model::Origin::input) {
        bound.inputs_.emplace_back(lowered_.values[i].name, view(static_cast<ValueId>(i)));
      }
    }
    for (const model::NamedValue& output : lowered_.outputs)
      bound.outputs_.emplace_back(output.name, view(output.value));
  }

  const model::Model& model_;
  const model::Method& method_;
  LoweredMethod lowered_;
  std::vector<std::int32_t> variables_;
  MethodPlan plan_;
  Rematerialisations recomputations_;
  std::span<const TensorView> gradients_;
  weights::Weights& weights_;
  DeviceId device_;
  std::byte* arena_ = nullptr;
};

Result<std::unique_ptr<BoundMethod>> BoundMethod::bind(std::shared_ptr<const model::Program> program,
                                                       std::string_view method,
                                                       std::shared_ptr<weights::Weights> weights,
                                                       std::span<const TensorView> gradients,
                                                       const MethodOptions& options) {
  GRAPHRUN_ASSIGN(PlannedMethod planned, prepare_method(*program, method, *weights->backend(), options));
  return bind(std::move(program), std::move(planned), std::move(weights), gradients, options);
}

Result<std::unique_ptr<BoundMethod>> BoundMethod::bind(std::shared_ptr<const model::Program> program,
                                                       PlannedMethod planned,
                                                       std::shared_ptr<weights::Weights> weights,
                                                       std::span<const TensorView> gradients,
                                                       const MethodOptions& options) {
  std::unique_ptr<BoundMethod> bound(new BoundMethod());
  GRAPHRUN_TRY(Binder(program->model(), std::move(planned), gradients, *weights).bind(*bound, options));
  bound->program_ = std::move(program);
  bound->weights_ = std::move(weights);
  bound->replay_.emplace(*bound->weights_->backend());
  const auto prepare = [&] { return bound->refresh(); };
  GRAPHRUN_TRY(model::run_with_team(*bound->weights_->backend(), prepare));
  return bound;
}

Status BoundMethod::refresh() {
  const std::uint64_t version = weights_->version();
  if (version == packed_version_) return {};
  std::vector<weights::PackedWeights> forms;  // stays empty in training
  for (const Step& step : steps_) {
    if (!step.packed_key.empty()) forms.push_back({step.path, step.packed_key, *step.kernel, step.inputs});
  }
  if (!forms.empty()) {
    const auto lock = weights_->backend()->lock();
    GRAPHRUN_ASSIGN(const std::vector<const void*> memory, weights_->packed(forms));
    auto form = memory.begin();
    for (Step& step : steps_) {
      if (!step.packed_key.empty()) step.packed = *form++;
    }
  }
  packed_version_ = version;
  return {};
}

// Adds up what the step gave, over the ranks that share it.
Status BoundMethod::exchange(Step& step, StepObserver* observer) {
  for (const AllReduce& exchange : step.exchanges) {
    const TensorDesc& desc = exchange.view.desc;
    if (observer != nullptr) observer->begin_other(step.path, "all-reduce");
    GRAPHRUN_TRY(collective::all_reduce(*exchange.comm, exchange.view.data, desc.shape.count(), desc.dtype));
    if (observer != nullptr) observer->end_other();
  }
  return {};
}

Status BoundMethod::run(StepObserver* observer) try {
  return model::run_with_team(*weights_->backend(), [this, observer]() -> Status {
    GRAPHRUN_TRY(refresh());
    if (observer == nullptr) return replay_->run([this] { return run_steps(); });
    const auto lock = weights_->backend()->lock();
    return run_steps(observer);
  });
} catch (...) {
  return core::caught();
}

Status BoundMethod::run_steps(StepObserver* observer, StepHook* hook) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    const std::span scratch(
        static_cast<std::byte*>(step.scratch),
        step.scratch == nullptr ? 0 : static_cast<std::size_t>(step.kernel->scratch_bytes()));
    const StepView view{step.path,       *step.def, step.kernel->name(), step.inputs, step.outputs,
                        step.operations, scratch};
    if (observer != nullptr) observer->before(view);
    Status status = step.kernel->run({step.inputs, step.outputs, step.scratch, step.packed});
    if (observer != nullptr) observer->after(view);
    if (status.ok()) status = exchange(step, observer);
    if (!status.ok()) return std::move(status).with_context(step.path);
    if (hook != nullptr) GRAPHRUN_TRY(hook->after_step(i));
  }
  return {};
}

std::vector<std::int32_t> BoundMethod::last_steps(std::size_t variables) const {
  std::vector<std::int32_t> last(variables, -1);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    for (const std::int32_t variable : steps_[i].variables)
      last[static_cast<std::size_t>(variable)] = static_cast<std::int32_t>(i);
  }
  return last;
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

}  // namespace graphrun::session
