#pragma once

#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "graphrun/kernel/op_def.h"
#include "runtime/model/graph.h"
#include "runtime/model/resolve.h"

// The compiler's graphs: methods whose values have types. Passes take a graph and give a new one.
namespace graphrun::compiler {

struct Graph {
  model::Method method;
  std::deque<ValueType> types;  // by value; a deque, so that references stay when values are added
};

// What every graph of a model shares.
struct Context {
  const OpRegistry& ops;
  model::Model& model;
};

// Symbols in shapes and attributes: structural parameters and late reals have their values, late integers and
// the inputs' extents stay symbols. For as long as the model lives and keeps its list of parameters.
SymbolLookup symbols_of(const model::Model& model);

// Appends nodes to a graph. The first error is kept in status() with the node's path; later calls do nothing.
class Builder final : public GraphWriter {
 public:
  Builder(Context context, Graph graph)
      : context_(context), symbols_(symbols_of(context.model)), graph_(std::move(graph)) {}
  Builder(Context context, std::string name)
      : Builder(context, Graph{{std::move(name), {}, {}, {}, {}}, {}}) {}

  // Nodes are named `path`, or `path`.suffix; a number is appended to a name that is taken.
  void set_path(std::string path) { path_ = std::move(path); }
  std::vector<ValueId> add(std::string_view op, std::vector<ValueId> inputs, AttrMap attrs,
                           std::string_view suffix) override;
  std::vector<ValueId> add(OpRole role, std::vector<ValueId> inputs, AttrMap attrs, std::string_view suffix);
  // Appends the node as it is, but for its outputs. Every attribute of the op is written out in it, defaults
  // included, so that gradients and rewritings may rely on them; without_defaults() undoes that.
  std::vector<ValueId> add(Node node);
  const ValueType& type(ValueId value) const override;
  ValueId input(std::string_view name, const ValueType& type) override;
  ValueId input(std::int32_t index);
  ValueId variable(std::int32_t index);
  // Brings a value of `from` into this graph: inputs and variables are made, other values must be in `map`.
  ValueId import(const Graph& from, ValueId value, const std::vector<ValueId>& map);

  const Graph& graph() const { return graph_; }
  Graph& graph() { return graph_; }
  const Status& status() const { return status_; }
  // The error, after which the builder goes on as if there had been none.
  Status take_status() { return std::exchange(status_, Status()); }
  Result<Graph> finish() &&;

 private:
  Result<model::ResolvedNode> resolve_next(Node& node, const OpDef& def) const;
  ValueId add_value(model::Value value, ValueType type);
  ValueId shared_value(model::Origin origin, std::int32_t index, std::string name,
                       const std::function<Result<ValueType>()>& infer);
  std::string unique_path(std::string path);
  void know_what_is_there();

  Context context_;
  SymbolLookup symbols_;
  Graph graph_;
  std::string path_;
  bool known_ = false;                                      // what stands below
  std::unordered_set<std::string> paths_;                   // of all nodes
  std::unordered_map<std::string, std::size_t> next_path_;  // the number that a taken name tries next
  std::map<std::pair<model::Origin, std::int32_t>, ValueId> shared_;  // inputs and variables
  model::ExtentBudget extents_;
  Status status_;
};

// validate_method() and infer_types(), and that the types are those of the graph. A failure is our own error.
Status verify(const Context& context, const Graph& graph);

// Attributes that equal their op's defaults are left out.
Graph without_defaults(const Context& context, Graph graph);

// How many inputs of nodes, outputs and stores read each value.
std::vector<int> use_counts(const Graph& graph);

}  // namespace graphrun::compiler
