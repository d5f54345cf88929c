#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/expand.h"
#include "compiler/scope.h"
#include "runtime/model/validate.h"

namespace graphrun::compiler {

// Runs the statements of a graph with an explicit stack of frames. expand() uses it once.
class Expander {
 public:
  Expander(const Source& source, Context context, Diagnostics& diagnostics, std::string_view optimizer);
  Expansion run();

 private:
  // expand.cpp: control
  void step();
  bool spend(Position at, std::size_t bytes);  // false, after an error: a statement too many
  std::string over_budget() const;             // what there is too much of; empty: nothing
  void statement(const JsonValue& json);
  void open_call(const JsonValue& json, const JsonValue& name);
  bool bind_arguments(const JsonValue& json, const Block& block, const std::shared_ptr<Scope>& inner);
  void open_group(const JsonValue& json);
  bool begin_iteration(Frame& frame);
  void close();
  void let(const JsonValue& json);
  bool is_on(const JsonValue& json);
  void give_results(const JsonValue& json, const std::vector<ValueId>& values);
  void fail(const JsonValue& json);  // its results become poison

  // expand_names.cpp: names, numbers, paths
  std::optional<Expr> resolve(const Expr& expr, const JsonValue& at);
  std::optional<Expr> expression(const JsonValue& json);
  std::optional<std::int64_t> integer(const JsonValue& json);
  std::optional<Expr> extent_of(const std::string& name, const JsonValue& at);
  std::optional<ValueId> value(const JsonValue& name);
  std::optional<std::string> interpolate(const JsonValue& text);
  std::optional<std::string> scope_prefix(const JsonValue& json, const std::string& base);
  std::optional<Init> initialiser(const JsonValue& json);
  std::shared_ptr<const Inits> inits(const JsonValue& json);       // null after an error
  std::shared_ptr<const AttrMap> defaults(const JsonValue& json);  // null after an error

  // expand_op.cpp: nodes
  struct NodeDraft;
  std::vector<ValueId> add_op(const JsonValue& json, const JsonValue& name,
                              const std::vector<std::string_view>& more_keys);
  bool read_inputs(NodeDraft& draft);
  bool read_attributes(NodeDraft& draft);
  std::optional<AttrValue> attribute(const AttrSpec& spec, const JsonValue& json);
  std::optional<AttrValue> checked_attribute(const AttrSpec& spec, const JsonValue& json,
                                             std::string_view about);
  bool name_node(NodeDraft& draft);
  bool make_variables(NodeDraft& draft);
  std::optional<model::Variable> make_variable(const NodeDraft& draft, std::size_t slot,
                                               const std::vector<Dim>& shape, const Expr& fan_in);

  // expand_results.cpp: what the file says of the values
  void outputs();
  void losses();
  void loss(const JsonMember& member);

  // expand_optimizer.cpp: the section "train"
  void optimizer();
  const OpDef* optimizer_op(const JsonValue* json, Position at);
  const OpDef* find_optimizer(std::string_view name, Position at);
  AttrMap optimizer_attributes(const JsonValue& json, std::string_view own_key, std::string_view what);
  std::vector<OptimizerGroup> optimizer_groups(const JsonValue& json, std::string_view what);
  std::vector<ParameterSelector> selectors(const JsonValue& json);
  std::optional<ParameterSelector> selector(const JsonValue& json);
  void take_parameters_of_same_name(AttrMap& attrs);

  Frame& top() { return frames_.back(); }
  void error(Position at, std::string_view message);

  const Source& source_;
  Context context_;
  Diagnostics& diagnostics_;
  Builder builder_;
  Expansion result_;
  std::deque<Frame> frames_;
  std::set<std::string> explicit_paths_;
  SymbolLookup symbols_;
  model::ParameterIndex parameter_names_;
  std::size_t max_statements_ = 0;
  std::size_t max_variables_ = model::kMaxVariables;
  std::size_t statements_ = 0;
  std::size_t statement_bytes_ = 0;  // of kMaxStatementBytes
  bool out_of_budget_ = false;
  std::string current_;                       // full path of what is being expanded, for errors
  std::string_view chosen_optimizer_;         // in the place of the file's; empty: none
  const OpDef* written_optimizer_ = nullptr;  // which attributes the file's section may have
  const OpDef* optimizer_ = nullptr;          // which of them it takes
};

}  // namespace graphrun::compiler
