#include "runtime/model/validate_method.h"

#include <algorithm>
#include <unordered_map>

#include "runtime/model/infer.h"
#include "runtime/model/lazy_context.h"

namespace graphrun::model {
namespace {

Status bad(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

Status check_attr(const AttrValue& value, const ExprChecker& exprs) {
  if (const auto* one = std::get_if<Expr>(&value)) return exprs.check(*one);
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (text->size() > kMaxNameLength) return bad("text of " + std::to_string(text->size()) + " bytes");
    return {};
  }
  const auto& many = std::get<std::vector<Expr>>(value);
  if (many.size() > kMaxListLength) return bad("a list of " + std::to_string(many.size()) + " numbers");
  for (const Expr& expr : many) GRAPHRUN_TRY(exprs.check(expr));
  return {};
}

// Walks the nodes in order and knows which values have been written.
class MethodValidator {
 public:
  MethodValidator(const Model& model, const Method& method, const OpRegistry& registry,
                  const ExprChecker& constants, const ExprChecker& exprs)
      : model_(model), method_(method), registry_(registry), constants_(constants), exprs_(exprs) {}

  Status run() {
    if (method_.nodes.size() > kMaxNodes) return bad("more than " + std::to_string(kMaxNodes) + " nodes");
    if (method_.values.size() > kMaxValues) return bad("more than " + std::to_string(kMaxValues) + " values");
    GRAPHRUN_TRY(check_values());
    for (node_ = 0; node_ < method_.nodes.size(); ++node_) {
      const Node& node = method_.nodes[node_];
      if (Status status = check_node(node); !status.ok())
        return std::move(status).with_context(describe(node));
    }
    for (std::size_t i = 0; i < written_.size(); ++i) {
      if (!written_[i]) return bad("value " + quoted(method_.values[i].name) + " is written by no node");
    }
    GRAPHRUN_TRY(check_outputs());
    return check_stores();
  }

 private:
  Status check_values() {
    written_.assign(method_.values.size(), false);
    updated_.assign(method_.values.size(), false);
    std::vector<bool> input_seen(model_.inputs.size(), false);
    std::vector<bool> variable_seen(model_.variables.size(), false);
    for (std::size_t i = 0; i < method_.values.size(); ++i) {
      const Value& value = method_.values[i];
      const auto wrong = [&](const std::string& why) {
        return bad("value " + quoted(value.name) + ": " + why);
      };
      if (value.name.size() > kMaxNameLength) return wrong("its name is too long");
      if (value.origin == Origin::node) continue;
      if (value.origin != Origin::input && value.origin != Origin::variable) {
        return wrong("unknown origin " + std::to_string(static_cast<int>(value.origin)));
      }
      std::vector<bool>& seen = value.origin == Origin::input ? input_seen : variable_seen;
      const auto numbered = [&](const std::string& what) {
        return wrong(what + (value.origin == Origin::input ? " input " : " variable ") +
                     std::to_string(value.index));
      };
      if (value.index < 0 || static_cast<std::size_t>(value.index) >= seen.size()) {
        return numbered("there is no");
      }
      if (seen[static_cast<std::size_t>(value.index)]) {
        return numbered("a second value of");
      }
      seen[static_cast<std::size_t>(value.index)] = true;
      written_[i] = true;
    }
    return {};
  }

  bool in_range(ValueId value) const {
    return value >= 0 && static_cast<std::size_t>(value) < method_.values.size();
  }
  const Value& value(ValueId id) const { return at(method_.values, id); }

  // That `id` can be read at this point.
  Status check_read(ValueId id) const {
    if (!in_range(id)) return bad("there is no value " + std::to_string(id));
    if (!at(written_, id)) return bad("value " + quoted(value(id).name) + " is read before it is written");
    if (at(updated_, id)) return bad("variable " + quoted(value(id).name) + " is read after its update");
    return {};
  }

  Status check_node(const Node& node) {
    GRAPHRUN_TRY(check_name(node.path));
    GRAPHRUN_ASSIGN(const OpDef* def, find_op(registry_, node.op));
    GRAPHRUN_TRY(check_presence(*def, node));
    for (const auto& entry : node.attrs) {
      const std::string& name = entry.first;
      const AttrValue& attr = entry.second;
      const auto what = [&name] { return "attribute " + quoted(name); };
      GRAPHRUN_TRY(in_context(check_attr(attr, exprs_), what));
      const auto spec = std::ranges::find(def->attrs, name, &AttrSpec::name);
      const bool may_depend_on_sizes = spec != def->attrs.end() && spec->symbolic;
      if (!may_depend_on_sizes && !check_attr(attr, constants_).ok())
        return bad(what() + " must not depend on sizes");
    }
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue) continue;
      GRAPHRUN_TRY(
          in_context(check_read(node.inputs[i]), [&] { return "input " + quoted(def->input(i).name); }));
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      GRAPHRUN_TRY(
          in_context(write(node.outputs[i]), [&] { return "output " + quoted(def->outputs[i].name); }));
    }
    return check_updates(node, *def);
  }

  Status check_updates(const Node& node, const OpDef& def) {
    if (def.updates.empty() && !def.writes_inputs) return {};
    std::unordered_map<ValueId, int> reads;
    for (const ValueId input : node.inputs) ++reads[input];
    for (const IndexPair& pair : def.updates) {
      const auto input = static_cast<std::size_t>(pair.input);
      if (node.outputs[static_cast<std::size_t>(pair.output)] == kNoValue) continue;
      GRAPHRUN_TRY(in_context(update(node.inputs[input], reads),
                              [&] { return "input " + quoted(def.inputs[input].name); }));
    }
    for (std::size_t i = def.inputs.size() - 1; def.writes_inputs && i < node.inputs.size(); ++i) {
      GRAPHRUN_TRY(in_context(update(node.inputs[i], reads),
                              [&] { return "input " + quoted(def.inputs.back().name); }));
    }
    return {};
  }

  Status write(ValueId id) {
    if (id == kNoValue) return {};
    if (!in_range(id)) return bad("there is no value " + std::to_string(id));
    const Value& target = value(id);
    if (target.origin != Origin::node) return bad(quoted(target.name) + " is not a value that nodes write");
    if (target.index < 0 || static_cast<std::size_t>(target.index) != node_) {
      return bad("value " + quoted(target.name) + " names another node as its origin");
    }
    if (at(written_, id)) return bad("value " + quoted(target.name) + " is written twice");
    at(written_, id) = true;
    return {};
  }

  // `reads`: how often the node reads each value.
  Status update(ValueId id, const std::unordered_map<ValueId, int>& reads) {
    if (id == kNoValue) return {};
    if (value(id).origin != Origin::variable) return bad("is updated in place and must be a variable");
    if (reads.at(id) > 1) return bad("variable " + quoted(value(id).name) + " is updated and read twice");
    at(updated_, id) = true;
    return {};
  }

  Status check_outputs() const {
    UniqueNames names;
    for (const NamedValue& output : method_.outputs) {
      const auto what = [&output] { return "output " + quoted(output.name); };
      GRAPHRUN_TRY(in_context(names.insert(output.name), what));
      GRAPHRUN_TRY(in_context(check_read(output.value), what));
    }
    return {};
  }

  Status check_stores() const {
    UniqueNames names;
    std::vector<bool> stored(method_.values.size(), false);
    if (method_.stores.empty()) return {};
    const Targets targets = find_targets();
    for (const NamedValue& store : method_.stores) {
      const auto what = [&store] { return "store of " + quoted(store.name); };
      GRAPHRUN_TRY(in_context(names.insert(store.name), what));
      const auto target = targets.find(store.name);
      if (target == targets.end()) return bad(what() + ": there is no such variable");
      GRAPHRUN_TRY(in_context(check_read(store.value), what));
      if (value(store.value).origin != Origin::node) return bad(what() + ": its value is written by no node");
      if (at(stored, store.value)) return bad(what() + ": its value is stored twice");
      at(stored, store.value) = true;
      GRAPHRUN_TRY(in_context(check_store_order(store, target->second), what));
    }
    return {};
  }

  // What the method does with a variable that may be stored to.
  struct Target {
    ValueId value = kNoValue;   // none: the method does not read it
    std::size_t last_read = 0;  // 1 + the last node that reads it; 0: none
    bool is_output = false;
  };
  using Targets = std::unordered_map<std::string_view, Target>;

  Targets find_targets() const {
    std::vector<Target*> by_variable(model_.variables.size(), nullptr);
    std::vector<Target*> by_value(method_.values.size(), nullptr);
    Targets targets;
    targets.reserve(model_.variables.size());
    for (std::size_t i = 0; i < model_.variables.size(); ++i) {
      const auto [entry, is_new] = targets.try_emplace(model_.variables[i].name);
      if (is_new) by_variable[i] = &entry->second;
    }
    for (std::size_t i = 0; i < method_.values.size(); ++i) {
      const Value& value = method_.values[i];
      if (value.origin != Origin::variable) continue;
      by_value[i] = by_variable[static_cast<std::size_t>(value.index)];
      if (by_value[i] != nullptr) by_value[i]->value = static_cast<ValueId>(i);
    }
    const auto target_of = [&](ValueId id) { return id == kNoValue ? nullptr : at(by_value, id); };
    for (std::size_t i = 0; i < method_.nodes.size(); ++i) {
      for (const ValueId id : method_.nodes[i].inputs) {
        if (Target* target = target_of(id)) target->last_read = i + 1;
      }
    }
    for (const NamedValue& output : method_.outputs) {
      if (Target* target = target_of(output.value)) target->is_output = true;
    }
    return targets;
  }

  // The stored value takes the variable's memory when its node runs: from there on nobody may want the old
  // content. The state output of an update is stored in the variable that it replaces, and in no other.
  Status check_store_order(const NamedValue& store, const Target& target) const {
    const auto writer = static_cast<std::size_t>(value(store.value).index);
    const Node& node = method_.nodes[writer];
    for (const IndexPair& pair : registry_.find(node.op)->updates) {
      if (node.outputs[static_cast<std::size_t>(pair.output)] != store.value) continue;
      const bool same = node.inputs[static_cast<std::size_t>(pair.input)] == target.value;
      return same ? Status() : bad("its value is the new content of another variable");
    }
    if (target.value == kNoValue) return {};
    if (at(updated_, target.value)) return bad("the variable is updated in place, too");
    if (target.last_read > writer) {
      return bad("the variable is read by " + method_.nodes[target.last_read - 1].path +
                 " when it has been replaced");
    }
    if (target.is_output) return bad("the variable is an output, too");
    return {};
  }

  const Model& model_;
  const Method& method_;
  const OpRegistry& registry_;
  const ExprChecker& constants_;
  const ExprChecker& exprs_;
  std::size_t node_ = 0;
  std::vector<bool> written_;  // by value; inputs and variables are from the start
  std::vector<bool> updated_;  // variables whose content has been replaced
};

}  // namespace

Status check_name(std::string_view name) {
  if (name.empty()) return bad("an empty name");
  if (name.size() > kMaxNameLength)
    return bad("a name of more than " + std::to_string(kMaxNameLength) + " bytes");
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  if (std::ranges::any_of(name, is_control)) return bad("a name with control characters");
  return {};
}

Status UniqueNames::insert(std::string_view name) {
  GRAPHRUN_TRY(check_name(name));
  if (!seen_.insert(name).second) return bad("the name " + quoted(name) + " appears twice");
  return {};
}

ExprChecker::ExprChecker(const Model& model, std::span<const std::string> dims)
    : symbols_(dims.begin(), dims.end()) {
  for (const GraphParameter& parameter : model.parameters) symbols_.insert(parameter.name);
}

Status ExprChecker::check(const Expr& expr) const {
  GRAPHRUN_TRY(expr.validate());
  if (expr.symbols.size() > kMaxExprTokens) return bad("an expression with too many symbols");
  for (const std::string& symbol : expr.symbols) {
    if (symbols_.contains(symbol)) continue;
    const std::vector<std::string_view> known(symbols_.begin(), symbols_.end());
    const std::string near = nearest_name(symbol, known);
    return bad("unknown symbol " + quoted(symbol) +
               (near.empty() ? "" : "; did you mean " + quoted(near) + "?"));
  }
  return {};
}

Status validate_method(const Model& model, const Method& method, const OpRegistry& registry,
                       const ExprChecker& constants, const ExprChecker& exprs) {
  return MethodValidator(model, method, registry, constants, exprs).run();
}

}  // namespace graphrun::model
