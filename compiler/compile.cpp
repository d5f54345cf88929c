#include "compiler/compile.h"

#include <algorithm>
#include <functional>

#include "compiler/expand.h"
#include "compiler/freeze.h"
#include "compiler/ir/graph.h"
#include "compiler/passes/passes.h"
#include "compiler/update.h"
#include "runtime/core/guard.h"
#include "runtime/model/make_signature.h"
#include "runtime/model/required_ops.h"
#include "runtime/model/validate.h"

namespace graphrun::compiler {
namespace {

class Compiler {
 public:
  Compiler(const Source& source, Context context, std::map<std::string, std::string> input_roles,
           Diagnostics& diagnostics, const CompileOptions& options)
      : source_(source),
        context_(context),
        diagnostics_(diagnostics),
        options_(options),
        input_roles_(std::move(input_roles)),
        expansion_(expand(source, context, diagnostics, options.optimizer)) {}

  // False: the options do not fit the graph.
  bool run() {
    if (!diagnostics_.ok()) return true;
    if (!apply_parameter_options(context_, options_, source_.graph().at, expansion_, diagnostics_))
      return false;
    build();
    return true;
  }

 private:
  void build() {
    check_unused();
    const bool is_updated = expansion_.optimizer && !expansion_.losses.empty();
    if (is_updated)
      groups_ = make_parameter_groups(context_, *expansion_.optimizer, expansion_.graph, diagnostics_);
    std::vector<Graph> graphs;
    constexpr std::size_t kMethods = 3;
    graphs.reserve(kMethods);  // growing would copy them
    if (auto eval = make_eval()) graphs.push_back(*std::move(eval));
    if (!expansion_.losses.empty()) {
      if (auto train = make_train()) graphs.push_back(*std::move(train));
    }
    if (!diagnostics_.ok()) return;
    if (is_updated) {
      const OpDef& optimizer = *context_.ops.find(expansion_.optimizer->op);
      order_variables(context_, *optimizer.optimizer, groups_, {&graphs[0], &graphs[1]}, graphs[1]);
      auto update = passed(make_update(context_, optimizer, groups_));
      if (update) graphs.push_back(without_defaults(context_, *std::move(update)));
    }
    for (Graph& graph : graphs) context_.model.methods.push_back(std::move(graph.method));
    if (Status valid = finish(); diagnostics_.ok() && !valid.ok()) report(valid.message());
  }

  Status finish() {
    context_.model.required_ops = model::make_required_ops(context_.model, context_.ops);
    GRAPHRUN_TRY(model::validate_structure(context_.model, context_.ops));
    context_.model.signature =
        model::make_signature(context_.model, context_.ops, {input_roles_, expansion_.output_roles});
    return model::validate_types(context_.model, context_.ops);
  }

  // The statement whose node the message is about.
  void report(const std::string& message) {
    Position at = source_.graph().at;
    std::size_t longest = 0;
    for (const auto& [path, place] : expansion_.places) {
      if (path.size() < longest || message.find(path) == std::string::npos) continue;
      longest = path.size();
      at = place;
    }
    diagnostics_.error(at, message);
  }

  // What the file asks for, with the whole check.
  std::optional<Graph> checked(Result<Graph> graph) {
    Status status = status_of(graph.ok() ? verify(context_, *graph) : graph.status());
    if (status.ok()) return *std::move(graph);
    report(status.message());
    return std::nullopt;
  }
  // What a pass made of a checked graph: finish() checks what comes of all of them.
  std::optional<Graph> passed(Result<Graph> graph) {
    if (options_.check_each_pass || !graph.ok()) return checked(std::move(graph));
    return *std::move(graph);
  }

  // A node that nothing reads is a mistake in the file.
  void check_unused() {
    const Graph& graph = expansion_.graph;
    std::vector<int> uses = use_counts(graph);
    for (const Loss& loss : expansion_.losses) ++uses[static_cast<std::size_t>(loss.value)];
    for (const Node& node : graph.method.nodes) {
      const bool used = std::ranges::any_of(
          node.outputs, [&](ValueId id) { return uses[static_cast<std::size_t>(id)] > 0; });
      if (!used)
        diagnostics_.error(expansion_.places.at(node.path), node.path,
                           "nothing reads the results of this node");
    }
  }

  std::optional<Graph> make_eval() {
    auto graph = checked(lower(context_, expansion_.graph, expansion_.graph.method.outputs, Mode::eval,
                               std::string(model::methods::kEval)));
    if (graph) graph = passed(fuse(context_, *std::move(graph), false));
    if (graph) graph = passed(remove_dead_code(context_, *std::move(graph)));
    if (graph) graph = without_defaults(context_, *std::move(graph));
    return graph;
  }

  // The last reader of the expanded graph.
  std::optional<Graph> make_train() {
    std::vector<model::NamedValue> outputs;
    for (const Loss& loss : expansion_.losses)
      outputs.push_back({loss.name + model::port_names::kLossSuffix, loss.value});
    const auto counted =
        std::ranges::find_if(expansion_.losses, [](const Loss& loss) { return loss.confusion != kNoValue; });
    if (counted != expansion_.losses.end())
      outputs.push_back({model::port_names::kConfusion, counted->confusion});
    for (const Loss& loss : expansion_.losses) {
      if (loss.totals != kNoValue)
        outputs.push_back({loss.name + model::port_names::kTotalsSuffix, loss.totals});
    }
    auto graph =
        checked(lower(context_, expansion_.graph, outputs, Mode::train, std::string(model::methods::kTrain)));
    expansion_.graph = Graph();
    if (graph) graph = passed(add_total_loss(*std::move(graph)));
    if (graph) graph = passed(fuse(context_, *std::move(graph), true));
    const std::vector<bool> fixed = expansion_.optimizer
                                        ? fixed_parameters(context_, *expansion_.optimizer, groups_)
                                        : std::vector<bool>(context_.model.variables.size(), false);
    if (graph) graph = passed(differentiate(context_, *std::move(graph), fixed));
    if (graph) graph = passed(remove_dead_code(context_, *std::move(graph)));
    if (graph) graph = passed(recompute(context_, *std::move(graph)));
    if (graph) graph = passed(remove_dead_code(context_, *std::move(graph)));
    if (graph) graph = without_defaults(context_, *std::move(graph));
    return graph;
  }

  // The output of the whole loss: the weighted sum of the losses, which are the first outputs.
  Result<Graph> add_total_loss(Graph graph) {
    std::vector<ValueId> values;
    std::vector<Expr> weights;
    for (std::size_t i = 0; i < expansion_.losses.size(); ++i) {
      values.push_back(graph.method.outputs[i].value);
      weights.push_back(expansion_.losses[i].weight);
    }
    Builder builder(context_, std::move(graph));
    builder.set_path(model::port_names::kLoss);
    const ValueId total =
        builder.add(OpRole::weighted_sum, std::move(values), {{"weights", std::move(weights)}}, "")[0];
    std::vector<model::NamedValue>& outputs = builder.graph().method.outputs;
    outputs.insert(outputs.begin(), {model::port_names::kLoss, total});
    return std::move(builder).finish();
  }

  const Source& source_;
  Context context_;
  Diagnostics& diagnostics_;
  const CompileOptions& options_;
  std::map<std::string, std::string> input_roles_;
  Expansion expansion_;
  std::vector<ParameterGroup> groups_;  // where there is a method "update"
};

Compiled not_compiled(const Status& status) noexcept {
  Compiled result;
  result.status = status;
  try {
    result.errors = status.message() + "\n";
  } catch (...) {
    result.errors = "out of memory\n";  // short enough for the string itself
  }
  return result;
}

}  // namespace

Compiled compile(const std::filesystem::path& path, std::span<const Definition> definitions,
                 const OpRegistry& ops, const CompileOptions& options) try {
  Diagnostics diagnostics;
  Compiled result;
  if (const std::optional<Source> source = read_source(path, diagnostics)) {
    Declarations declared = read_declarations(*source, definitions, diagnostics);
    model::Model& model = declared.model;
    result.definitions_fit = check_definitions(*source, model, definitions, diagnostics);
    if (result.definitions_fit) {
      Compiler compiler(*source, Context{ops, model}, std::move(declared.input_roles), diagnostics, options);
      result.definitions_fit = compiler.run();
    }
    if (diagnostics.ok()) result.model = std::move(model);
  }
  result.diagnostics = diagnostics.errors();
  result.errors = diagnostics.text();
  return result;
} catch (...) {
  return not_compiled(core::caught());
}

}  // namespace graphrun::compiler
