#include "compiler/compile.h"

#include <algorithm>
#include <functional>

#include "compiler/expand.h"
#include "compiler/ir/graph.h"
#include "compiler/passes/passes.h"
#include "compiler/update.h"
#include "runtime/core/guard.h"
#include "runtime/model/validate.h"

namespace graphrun::compiler {
namespace {

class Compiler {
 public:
  Compiler(const Source& source, Context context, Diagnostics& diagnostics)
      : source_(source),
        context_(context),
        diagnostics_(diagnostics),
        expansion_(expand(source, context, diagnostics)) {}

  void run() {
    if (!diagnostics_.ok()) return;
    check_unused();
    std::vector<Graph> graphs;
    if (auto eval = make_eval()) graphs.push_back(*std::move(eval));
    if (!expansion_.losses.empty()) {
      if (auto train = make_train()) graphs.push_back(*std::move(train));
    }
    if (!diagnostics_.ok()) return;
    if (expansion_.optimizer && !expansion_.losses.empty()) {
      const ParameterGroups groups =
          order_variables(context_, *expansion_.optimizer, {&graphs[0], &graphs[1]}, graphs[1], diagnostics_);
      if (!diagnostics_.ok()) return;
      auto update = checked(make_update(context_, *expansion_.optimizer, groups));
      if (update) graphs.push_back(*std::move(update));
    }
    for (Graph& graph : graphs)
      context_.model.methods.push_back(without_defaults(context_, std::move(graph)).method);
    if (Status valid = model::validate(context_.model, context_.ops); diagnostics_.ok() && !valid.ok())
      report(valid.message());
  }

 private:
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

  std::optional<Graph> checked(Result<Graph> graph) {
    Status status = status_of(graph.ok() ? verify(context_, *graph) : graph.status());
    if (status.ok()) return *std::move(graph);
    report(status.message());
    return std::nullopt;
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
    auto graph =
        checked(lower(context_, expansion_.graph, expansion_.graph.method.outputs, Mode::eval, "eval"));
    if (graph) graph = checked(fuse_conv_bn(context_, *graph));
    if (graph) graph = checked(remove_dead_code(context_, *graph));
    if (graph) graph = checked(fuse_pyramid(context_, *graph));
    if (graph) graph = checked(remove_dead_code(context_, *graph));
    return graph;
  }

  std::optional<Graph> make_train() {
    std::vector<model::NamedValue> outputs;
    for (const Loss& loss : expansion_.losses) outputs.push_back({loss.name + "_loss", loss.value});
    const auto counted =
        std::ranges::find_if(expansion_.losses, [](const Loss& loss) { return loss.confusion != kNoValue; });
    if (counted != expansion_.losses.end()) outputs.push_back({"confusion", counted->confusion});
    for (const Loss& loss : expansion_.losses) {
      if (loss.totals != kNoValue) outputs.push_back({loss.name + "_totals", loss.totals});
    }
    auto graph = checked(lower(context_, expansion_.graph, outputs, Mode::train, "train"));
    if (graph) graph = checked(add_total_loss(*std::move(graph)));
    if (graph) graph = checked(fuse_resize_cross_entropy(context_, *graph));
    const std::vector<bool> fixed = expansion_.optimizer
                                        ? fixed_parameters(context_.model, *expansion_.optimizer)
                                        : std::vector<bool>(context_.model.variables.size(), false);
    if (graph) graph = checked(differentiate(context_, *graph, fixed));
    if (graph) graph = checked(remove_dead_code(context_, *graph));
    if (graph) graph = checked(recompute(context_, *graph));
    if (graph) graph = checked(remove_dead_code(context_, *graph));
    return graph;
  }

  // Output "loss": the weighted sum of the losses, which are the first outputs.
  Result<Graph> add_total_loss(Graph graph) {
    std::vector<ValueId> values;
    std::vector<Expr> weights;
    for (std::size_t i = 0; i < expansion_.losses.size(); ++i) {
      values.push_back(graph.method.outputs[i].value);
      weights.push_back(expansion_.losses[i].weight);
    }
    Builder builder(context_, std::move(graph));
    builder.set_path("loss");
    const ValueId total =
        builder.add("weighted_sum", std::move(values), {{"weights", std::move(weights)}}, "")[0];
    std::vector<model::NamedValue>& outputs = builder.graph().method.outputs;
    outputs.insert(outputs.begin(), {"loss", total});
    return std::move(builder).finish();
  }

  const Source& source_;
  Context context_;
  Diagnostics& diagnostics_;
  Expansion expansion_;
};

Compiled not_compiled(const Status& status) noexcept {
  Compiled result;
  try {
    result.errors = status.message() + "\n";
  } catch (...) {
    result.errors = "out of memory\n";  // short enough for the string itself
  }
  return result;
}

}  // namespace

Compiled compile(const std::filesystem::path& path, std::span<const Definition> definitions,
                 const OpRegistry& ops) try {
  Diagnostics diagnostics;
  Compiled result;
  if (const std::optional<Source> source = read_source(path, diagnostics)) {
    model::Model model = read_declarations(*source, definitions, diagnostics);
    result.definitions_fit = check_definitions(*source, model, definitions, diagnostics);
    if (result.definitions_fit) Compiler(*source, Context{ops, model}, diagnostics).run();
    if (diagnostics.ok()) result.model = std::move(model);
  }
  result.diagnostics = diagnostics.errors();
  result.errors = diagnostics.text();
  return result;
} catch (...) {
  return not_compiled(core::caught());
}

}  // namespace graphrun::compiler
