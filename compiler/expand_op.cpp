#include <algorithm>
#include <set>

#include "compiler/expander.h"
#include "runtime/model/validate.h"

namespace graphrun::compiler {

// A node on its way from a statement to the graph.
struct Expander::NodeDraft {
  const JsonValue& json;
  const OpDef& def;
  Node node;
  std::vector<bool> brings{};  // by input: the node brings a variable along

  // "conv2d: ", where the path does not say so.
  std::string about() const { return node.path.ends_with(node.op) ? "" : node.op + ": "; }
};

std::vector<ValueId> Expander::add_op(const JsonValue& json, const JsonValue& name,
                                      const std::vector<std::string_view>& more_keys) {
  if (!expect(name, JsonValue::Kind::text, "the name of an op", diagnostics_)) return {};
  const OpDef* def = context_.ops.find(name.text);
  if (def == nullptr || def->internal) {
    std::vector<std::string_view> names;
    for (const OpDef* known : context_.ops.all()) {
      if (!known->internal) names.push_back(known->name);
    }
    const std::string what = def == nullptr
                                 ? "op " + in_quotes(name.text) + " is in no op library that was given"
                                 : "there is no op " + in_quotes(name.text);
    error(name.at, what + diagnostics_.suggestion(name.at, name.text, [&] { return names; }));
    return {};
  }
  NodeDraft draft{json, *def, {}};
  draft.node.op = name.text;
  if (!name_node(draft)) return {};
  current_ = draft.node.path;
  std::vector<std::string_view> known = more_keys;
  for (const InputSpec& input : def->inputs) known.push_back(input.name);
  for (const AttrSpec& attr : def->attrs) known.push_back(attr.name);
  for (const JsonMember& member : json.members) {
    if (std::ranges::find(known, member.key) == known.end())
      error(member.at, name.text + " has no input or attribute " + in_quotes(member.key) +
                           diagnostics_.suggestion(member.at, member.key, [&] { return known; }));
  }
  const bool inputs_good = read_inputs(draft);
  const bool attributes_good = read_attributes(draft);
  if (!inputs_good || !attributes_good || !make_variables(draft)) return {};
  const std::string path = draft.node.path;
  const std::string def_name(def->name);
  const std::string about = draft.about();
  const std::vector<ValueId> inputs = draft.node.inputs;
  std::vector<ValueId> outputs = builder_.add(std::move(draft.node));
  if (const Status status = builder_.take_status(); !status.ok()) {
    std::string message = status.message();
    const std::string repeated = path + ": " + def_name + ": ";
    if (message.starts_with(repeated)) message = about + message.substr(repeated.size());
    std::string given;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == kNoValue || (i < draft.brings.size() && draft.brings[i])) continue;
      const InputSpec& spec = def->inputs[std::min(i, def->inputs.size() - 1)];
      given += (given.empty() ? " (" : "; ") + std::string(spec.name) + " is " +
               to_string(builder_.type(inputs[i]));
    }
    error(json.at, message + (given.empty() ? "" : given + ")"));
    return {};
  }
  result_.places[builder_.graph().method.nodes.back().path] = json.at;
  return outputs;
}

bool Expander::name_node(NodeDraft& draft) {
  const JsonValue* as = draft.json.find("as");
  if (as == nullptr) {
    draft.node.path = top().prefix + draft.node.op;
    return true;
  }
  const std::optional<std::string> name = interpolate(*as);
  if (!name) return false;
  draft.node.path = top().prefix + *name;
  if (draft.node.path.size() > model::kMaxNameLength) {
    error(as->at, "the path is longer than " + std::to_string(model::kMaxNameLength) + " bytes");
    return false;
  }
  if (explicit_paths_.insert(draft.node.path).second) return true;
  diagnostics_.error(as->at, draft.node.path, "another node bears this name");
  return false;
}

bool Expander::read_inputs(NodeDraft& draft) {
  bool good = true;
  const auto add = [&](const std::optional<ValueId>& value) {
    good = good && value && *value != kPoison;
    draft.node.inputs.push_back(value.value_or(kNoValue));
  };
  for (std::size_t i = 0; i < draft.def.inputs.size(); ++i) {
    const InputSpec& spec = draft.def.inputs[i];
    // A key that is an attribute's name, too, is the attribute's.
    const bool is_attribute =
        std::ranges::find(draft.def.attrs, spec.name, &AttrSpec::name) != draft.def.attrs.end();
    const JsonValue* given = is_attribute ? nullptr : draft.json.find(spec.name);
    draft.brings.push_back(spec.is_variable && given == nullptr);
    if (given != nullptr && spec.variadic) {
      const std::vector<const JsonValue*> names = read_names(*given, diagnostics_);
      if (names.empty()) error(given->at, "at least one value is needed");
      good = good && !names.empty();
      for (const JsonValue* name : names) add(value(*name));
    } else if (given != nullptr) {
      add(value(*given));
    } else if (spec.is_variable || spec.optional) {
      draft.node.inputs.push_back(kNoValue);
    } else if (i == 0 && top().previous != kNoValue) {
      add(top().previous);
    } else {
      error(draft.json.at, draft.node.op + " needs its input " + in_quotes(spec.name));
      good = false;
    }
  }
  return good;
}

std::optional<AttrValue> Expander::attribute(const AttrSpec& spec, const JsonValue& json) {
  if (spec.kind == AttrKind::text) {
    if (!expect(json, JsonValue::Kind::text, "text", diagnostics_)) return std::nullopt;
    return AttrValue(json.text);
  }
  const bool may_list = spec.kind == AttrKind::integers || spec.kind == AttrKind::reals;
  if (!json.is_list() || !may_list) {
    std::optional<Expr> number = expression(json);
    if (!number) return std::nullopt;
    return AttrValue(*std::move(number));
  }
  std::vector<Expr> list;
  for (const JsonValue& item : json.items) {
    std::optional<Expr> number = expression(item);
    if (!number) return std::nullopt;
    list.push_back(*std::move(number));
  }
  return AttrValue(std::move(list));
}

// In its range, too, as far as that is known. `about` stands before the message.
std::optional<AttrValue> Expander::checked_attribute(const AttrSpec& spec, const JsonValue& json,
                                                     std::string_view about) {
  std::optional<AttrValue> value = attribute(spec, json);
  if (!value) return std::nullopt;
  const auto checked =
      Attributes::evaluate(std::span(&spec, 1), AttrMap{{std::string(spec.name), *value}}, symbols_);
  if (checked.ok()) return value;
  error(json.at, std::string(about) + checked.status().message());
  return std::nullopt;
}

bool Expander::read_attributes(NodeDraft& draft) {
  bool good = true;
  for (const AttrSpec& spec : draft.def.attrs) {
    const std::string name(spec.name);
    const JsonValue* given = draft.json.find(spec.name);
    if (given != nullptr) {
      std::optional<AttrValue> value = checked_attribute(spec, *given, draft.about());
      good = good && value;
      if (value) draft.node.attrs[name] = *std::move(value);
    } else if (const auto found = top().defaults->find(draft.node.op + "." + name);
               found != top().defaults->end()) {
      draft.node.attrs[name] = found->second;
    } else if (!spec.fallback) {
      error(draft.json.at, draft.node.op + " needs its attribute " + in_quotes(spec.name));
      good = false;
    }
  }
  return good;
}

bool Expander::make_variables(NodeDraft& draft) {
  if (std::ranges::find(draft.brings, true) == draft.brings.end()) return true;
  const OpDef& def = draft.def;
  if (draft.json.find("as") == nullptr) {
    error(draft.json.at, draft.node.op + " has variables, so the node needs a name: \"as\"");
    return false;
  }
  const Result<Attributes> attrs = Attributes::evaluate(def.attrs, draft.node.attrs, symbols_);
  if (!attrs.ok()) {
    error(draft.json.at, draft.about() + attrs.status().message());
    return false;
  }
  std::vector<const ValueType*> types;
  for (const ValueId input : draft.node.inputs)
    types.push_back(input == kNoValue ? nullptr : &builder_.type(input));
  if (const Status status = model::check_input_types(def, types); !status.ok()) {
    error(draft.json.at, draft.about() + status.message());
    return false;
  }
  std::set<std::string_view> slots;
  Expr fan_in(1);
  for (std::size_t i = 0; i < def.inputs.size(); ++i) {
    const InputSpec& spec = def.inputs[i];
    if (!draft.brings[i] || (!spec.if_attribute.empty() && !attrs->flag(spec.if_attribute))) continue;
    slots.insert(spec.name);
    const Result<std::vector<Dim>> shape = def.variable_shape(*attrs, types, static_cast<int>(i));
    if (!shape.ok()) {
      error(draft.json.at, draft.about() + shape.status().message());
      return false;
    }
    if (shape->size() >= 2) {
      Dim fan(1);
      for (std::size_t axis = 1; axis < shape->size(); ++axis) fan = fan * (*shape)[axis];
      fan_in = to_expr(fan);
    }
    std::optional<model::Variable> variable = make_variable(draft, i, *shape, fan_in);
    if (!variable) return false;
    std::vector<model::Variable>& variables = context_.model.variables;
    variables.push_back(*std::move(variable));
    draft.node.inputs[i] = builder_.variable(static_cast<std::int32_t>(variables.size() - 1));
  }
  const JsonValue* own = draft.json.find("init");
  if (own == nullptr) return true;
  bool good = true;
  for (const JsonMember& member : own->members) {
    if (slots.contains(member.key)) continue;
    error(member.at, "the node has no variable " + in_quotes(member.key) +
                         suggestion(member.key, std::vector<std::string_view>(slots.begin(), slots.end())));
    good = false;
  }
  return good;
}

std::optional<model::Variable> Expander::make_variable(const NodeDraft& draft, std::size_t slot,
                                                       const std::vector<Dim>& shape, const Expr& fan_in) {
  const InputSpec& spec = draft.def.inputs[slot];
  model::Variable variable;
  variable.name = draft.node.path + "." + std::string(spec.name);
  variable.kind = spec.variable;
  for (const Dim& extent : shape) {
    Expr expr = to_expr(extent);
    for (const std::string& symbol : expr.symbols) {
      if (parameter_names_.contains(symbol)) continue;
      error(draft.json.at, "the shape of " + in_quotes(spec.name) + " depends on " + symbol +
                               ", the size of an input; weights depend on graph parameters alone");
      return std::nullopt;
    }
    variable.shape.push_back(std::move(expr));
  }
  variable.init = spec.init;
  const auto inherited = top().inits->find(draft.node.op + "." + std::string(spec.name));
  if (inherited != top().inits->end()) variable.init = inherited->second;
  const JsonValue* own = draft.json.find("init");
  if (own != nullptr) {
    if (!expect(*own, JsonValue::Kind::object, "an object: {\"slot\": initialiser}", diagnostics_))
      return std::nullopt;
    if (const JsonValue* given = own->find(spec.name)) {
      const std::optional<Init> init = initialiser(*given);
      if (!init) return std::nullopt;
      variable.init = *init;
    }
  }
  if (variable.init.kind == InitKind::uniform_fan_in) variable.init.fan_in = fan_in;
  return variable;
}

}  // namespace graphrun::compiler
