#include "compiler/freeze.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/parameter_groups.h"
#include "runtime/core/pattern.h"

namespace graphrun::compiler {
namespace {

constexpr std::string_view kFrozen = "frozen";  // of ops that have variables which change in training

class ParameterOptions {
 public:
  ParameterOptions(Context context, const CompileOptions& options, Position at, Expansion& expansion,
                   Diagnostics& diagnostics)
      : context_(context), options_(options), at_(at), expansion_(expansion), diagnostics_(diagnostics) {}

  bool apply() {
    if (options_.rate_multipliers.empty() && options_.freeze.empty()) return true;
    if (!expansion_.optimizer) {
      error("--freeze, --lr-mult: the graph has no optimizer, nothing of it is trained");
      return false;
    }
    for (const auto& [pattern, factor] : options_.rate_multipliers) add_rule("--lr-mult", pattern, factor);
    for (const std::string& pattern : options_.freeze) add_rule("--freeze", pattern, 0);
    const auto is_trained = [&](const model::Variable& variable) {
      return variable.kind == VariableKind::parameter && !is_frozen(variable.name);
    };
    if (good_ && std::ranges::none_of(context_.model.variables, is_trained))
      error("--freeze leaves no parameter to train");
    for (Node& node : expansion_.graph.method.nodes) freeze(node);
    return good_;
  }

 private:
  void error(const std::string& message) {
    diagnostics_.error(at_, message);
    good_ = false;
  }

  void add_rule(const std::string& option, const std::string& pattern, double factor) {
    const std::vector<model::Variable>& variables = context_.model.variables;
    const bool any = std::ranges::any_of(variables, [&](const model::Variable& variable) {
      return variable.kind == VariableKind::parameter && core::matches_pattern(pattern, variable.name);
    });
    if (!any) {
      std::vector<std::string_view> names;
      for (const model::Variable& variable : variables) names.push_back(variable.name);
      error(option + " " + pattern + ": no parameter has such a name (* stands for any text)" +
            suggestion(pattern, names));
      return;
    }
    const std::string_view multiplier =
        context_.ops.find(expansion_.optimizer->op)->optimizer->rate_multiplier;
    if (multiplier.empty()) {
      error(option + ": the optimizer " + expansion_.optimizer->op +
            " has no rate of its own for a parameter");
      return;
    }
    ParameterSelector selector;
    selector.name = pattern;
    expansion_.optimizer->rules.push_back({{selector}, {{std::string(multiplier), Expr(factor)}}, at_});
  }

  bool is_frozen(std::string_view name) const {
    return std::ranges::any_of(
        options_.freeze, [&](const std::string& pattern) { return core::matches_pattern(pattern, name); });
  }

  // Parameters are fixed by the rule; what a node changes itself, as running statistics, by its attribute.
  void freeze(Node& node) {
    const OpDef& def = *context_.ops.find(node.op);
    if (std::ranges::find(def.attrs, kFrozen, &AttrSpec::name) == def.attrs.end()) return;
    bool all = true;
    std::string buffer;
    for (const ValueId input : node.inputs) {
      if (input == kNoValue) continue;
      const model::Value& value = expansion_.graph.method.values[static_cast<std::size_t>(input)];
      if (value.origin != model::Origin::variable) continue;
      const model::Variable& variable = context_.model.variables[static_cast<std::size_t>(value.index)];
      const bool frozen = is_frozen(variable.name);
      if (frozen && variable.kind == VariableKind::buffer) buffer = variable.name;
      all = all && frozen;
    }
    if (all) node.attrs[std::string(kFrozen)] = Expr(1);
    if (!all && !buffer.empty()) {
      error("--freeze takes " + buffer +
            " alone: running statistics are frozen together with the weight and "
            "the bias of " +
            node.path);
    }
  }

  Context context_;
  const CompileOptions& options_;
  Position at_;
  Expansion& expansion_;
  Diagnostics& diagnostics_;
  bool good_ = true;
};

}  // namespace

bool apply_parameter_options(Context context, const CompileOptions& options, Position at,
                             Expansion& expansion, Diagnostics& diagnostics) {
  return ParameterOptions(context, options, at, expansion, diagnostics).apply();
}

}  // namespace graphrun::compiler
