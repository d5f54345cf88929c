#include <algorithm>

#include "compiler/passes/copy.h"
#include "compiler/passes/passes.h"

namespace graphrun::compiler {
namespace {

// Reverse-mode differentiation by walking the nodes backwards; each op writes its own gradient.
class Differentiator {
 public:
  Differentiator(Context context, Graph graph, const std::vector<bool>& fixed)
      : context_(context),
        builder_(context, std::move(graph)),
        forward_nodes_(builder_.graph().method.nodes.size()),
        fixed_(fixed) {}

  Result<Graph> run() {
    const auto& outputs = builder_.graph().method.outputs;
    const auto loss = std::ranges::find(outputs, "loss", &model::NamedValue::name);
    if (loss == outputs.end()) return {ErrorCode::internal, "a graph without a loss"};
    mark_needed();
    builder_.set_path(std::string(kSeedPath));
    gradients_.assign(builder_.graph().method.values.size(), kNoValue);
    gradients_[static_cast<std::size_t>(loss->value)] =
        builder_.add(OpRole::fill, {}, {{"value", Expr(1.0)}}, "")[0];
    for (std::size_t i = forward_nodes_; i-- > 0;) {
      // A copy: the builder's list of nodes grows meanwhile.
      const Node node = builder_.graph().method.nodes[i];
      backward(node);
      GRAPHRUN_TRY(builder_.status());
    }
    GRAPHRUN_TRY(store_gradients());
    return std::move(builder_).finish();
  }

 private:
  // Which values a trained parameter has a part in, through ops that have gradients.
  void mark_needed() {
    const model::Method& method = builder_.graph().method;
    needed_.assign(method.values.size(), false);
    for (const Node& node : method.nodes) {
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (node.inputs[i] == kNoValue || is_frozen(node, i)) continue;
        const model::Value& value = method.values[static_cast<std::size_t>(node.inputs[i])];
        if (value.origin == model::Origin::variable && variable(value).kind == VariableKind::parameter &&
            !fixed_[static_cast<std::size_t>(value.index)])
          needed_[static_cast<std::size_t>(node.inputs[i])] = true;
      }
    }
    trained_ = needed_;
    for (const Node& node : method.nodes) {
      if (context_.ops.find(node.op)->gradient == nullptr) continue;
      const std::vector<bool> inputs = needed_inputs(node);
      if (std::ranges::find(inputs, true) == inputs.end()) continue;
      for (const ValueId output : node.outputs) {
        if (output != kNoValue) needed_[static_cast<std::size_t>(output)] = true;
      }
    }
  }

  const model::Variable& variable(const model::Value& value) const {
    return context_.model.variables[static_cast<std::size_t>(value.index)];
  }

  bool is_frozen(const Node& node, std::size_t input) const {
    const std::vector<InputSpec>& specs = context_.ops.find(node.op)->inputs;
    return specs[std::min(input, specs.size() - 1)].frozen;
  }

  std::vector<bool> needed_inputs(const Node& node) const {
    std::vector<bool> needed;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId input = node.inputs[i];
      needed.push_back(input != kNoValue && needed_[static_cast<std::size_t>(input)] && !is_frozen(node, i));
    }
    return needed;
  }

  void backward(const Node& node) {
    std::vector<ValueId> output_gradients;
    for (const ValueId output : node.outputs)
      output_gradients.push_back(output == kNoValue ? kNoValue
                                                    : gradients_[static_cast<std::size_t>(output)]);
    const bool flows = std::ranges::any_of(output_gradients, [](ValueId value) { return value != kNoValue; });
    const OpDef* def = context_.ops.find(node.op);
    const GradientRequest request{node, output_gradients, needed_inputs(node)};
    if (!flows || def->gradient == nullptr || std::ranges::find(request.needed, true) == request.needed.end())
      return;
    builder_.set_path(node.path);
    const std::vector<ValueId> results = def->gradient(request, builder_);
    for (std::size_t i = 0; i < node.inputs.size() && i < results.size(); ++i) {
      if (request.needed[i] && results[i] != kNoValue) accumulate(node, node.inputs[i], results[i]);
    }
  }

  // Adding as soon as two are there keeps one gradient alive instead of many.
  void accumulate(const Node& node, ValueId value, ValueId gradient) {
    ValueId& sum = gradients_[static_cast<std::size_t>(value)];
    if (sum == kNoValue) {
      sum = gradient;
      return;
    }
    builder_.set_path(node.path);
    sum = builder_.add(OpRole::add, {sum, gradient}, {}, "sum")[0];
  }

  Status store_gradients() {
    model::Method& method = builder_.graph().method;
    std::vector<model::Variable>& variables = context_.model.variables;
    std::vector<model::Variable> added;
    for (std::size_t i = 0; i < gradients_.size(); ++i) {
      if (!trained_[i]) continue;
      const model::Value& value = method.values[i];
      const model::Variable& parameter = variable(value);
      if (gradients_[i] == kNoValue) {
        return {ErrorCode::invalid_argument, "no gradient reaches the parameter " + parameter.name + why(i)};
      }
      model::Variable gradient;
      gradient.name = "grad:" + parameter.name;
      gradient.kind = VariableKind::gradient;
      gradient.dtype = parameter.dtype;
      gradient.shape = parameter.shape;
      gradient.of = value.index;
      method.stores.push_back({gradient.name, gradients_[i]});
      added.push_back(std::move(gradient));
    }
    variables.insert(variables.end(), added.begin(), added.end());
    return {};
  }

  // The first op on the way from the value that has no gradient.
  std::string why(std::size_t start) const {
    const model::Method& method = builder_.graph().method;
    std::vector<bool> reached(method.values.size(), false);
    reached[start] = true;
    for (std::size_t i = 0; i < forward_nodes_; ++i) {
      const Node& node = method.nodes[i];
      const bool reads = std::ranges::any_of(node.inputs, [&](ValueId input) {
        return input != kNoValue && reached[static_cast<std::size_t>(input)];
      });
      if (!reads) continue;
      const OpDef* def = context_.ops.find(node.op);
      if (def->gradient == nullptr)
        return ": " + node.path + " (" + node.op +
               ") is not differentiable: " + std::string(def->not_differentiable);
      for (const ValueId output : node.outputs) {
        if (output != kNoValue) reached[static_cast<std::size_t>(output)] = true;
      }
    }
    return "";
  }

  Context context_;
  Builder builder_;
  std::size_t forward_nodes_;
  const std::vector<bool>& fixed_;  // by variable
  std::vector<bool> needed_;
  std::vector<bool> trained_;       // by value: a parameter that the losses are to change
  std::vector<ValueId> gradients_;  // of forward values
};

}  // namespace

Result<Graph> differentiate(Context context, Graph graph, const std::vector<bool>& fixed) {
  return Differentiator(context, std::move(graph), fixed).run();
}

}  // namespace graphrun::compiler
