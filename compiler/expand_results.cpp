#include <algorithm>

#include "compiler/expander.h"

namespace graphrun::compiler {

void Expander::outputs() {
  const JsonValue* json = source_.graph().find("outputs");
  current_.clear();
  if (json == nullptr) {
    diagnostics_.error(source_.graph().at, "the file has no \"outputs\"");
    return;
  }
  if (!expect(*json, JsonValue::Kind::object, "an object of names of values", diagnostics_)) return;
  for (const JsonMember& member : json->members) {
    const JsonValue* named = &member.value;
    if (named->is_object()) {
      check_keys(*named, {"doc", "value", "role"}, "an output", diagnostics_);
      if (const JsonValue* role = named->find("role");
          role != nullptr && expect(*role, JsonValue::Kind::text, "a role", diagnostics_))
        result_.output_roles[member.key] = role->text;
      named = named->find("value");
      if (named == nullptr) {
        error(member.at, "the output " + in_quotes(member.key) + " has no value");
        continue;
      }
    }
    const std::optional<ValueId> found = value(*named);
    if (found && *found != kPoison) builder_.graph().method.outputs.push_back({member.key, *found});
  }
}

void Expander::losses() {
  const JsonValue* json = source_.graph().find("losses");
  if (json == nullptr || !expect(*json, JsonValue::Kind::object, "an object of losses", diagnostics_)) return;
  for (const JsonMember& member : json->members) loss(member);
  top().prefix.clear();
}

void Expander::loss(const JsonMember& member) {
  current_ = "loss." + member.key;
  if (!expect(member.value, JsonValue::Kind::object, "a loss: an op with its weight", diagnostics_)) return;
  if (!is_identifier(member.key)) error(member.at, in_quotes(member.key) + " is not a name");
  const JsonValue* op = member.value.find("op");
  if (op == nullptr) return error(member.at, "a loss needs \"op\"");
  Loss loss;
  loss.name = member.key;
  if (const JsonValue* weight = member.value.find("weight"))
    loss.weight = expression(*weight).value_or(Expr(1.0));
  top().prefix = "loss." + member.key + ".";
  const std::vector<ValueId> values = add_op(member.value, *op, {"op", "weight", "doc"});
  if (values.empty()) return;
  const ValueType& type = builder_.type(values[0]);
  if (!type.shape.empty())
    return error(member.value.at, "a loss is a scalar, " + op->text + " gives " + to_string(type));
  loss.value = values[0];
  const auto output = [&](std::string_view name) {
    const int index = context_.ops.find(op->text)->output_index(name);
    return index < 0 ? kNoValue : values[static_cast<std::size_t>(index)];
  };
  loss.totals = output("totals");
  loss.confusion = output("confusion");
  result_.losses.push_back(std::move(loss));
}

void Expander::optimizer_attributes(const OpDef& def, const JsonValue& json, std::string_view own_key,
                                    AttrMap& attrs) {
  std::vector<std::string_view> known{own_key, "doc"};
  for (const AttrSpec& spec : def.attrs) {
    known.push_back(spec.name);
    const JsonValue* given = json.find(spec.name);
    if (given == nullptr) continue;
    std::optional<AttrValue> value = checked_attribute(spec, *given, "");
    if (value) attrs[std::string(spec.name)] = *std::move(value);
  }
  check_keys(json, known, own_key == "op" ? "the optimizer " + std::string(def.name) : "a group",
             diagnostics_);
}

void Expander::optimizer() {
  current_ = "train";
  const JsonValue* train = source_.graph().find("train");
  if (train == nullptr || !expect(*train, JsonValue::Kind::object, "an object", diagnostics_)) return;
  check_keys(*train, {"doc", "optimizer", "groups", "settings"}, "train", diagnostics_);
  const JsonValue* json = train->find("optimizer");
  if (json == nullptr || !expect(*json, JsonValue::Kind::object, "an object with op", diagnostics_)) return;
  const JsonValue* op = json->find("op");
  if (op == nullptr || op->text != "sgd")
    return error(op == nullptr ? json->at : op->at, "the optimizer's op is \"sgd\"");
  const OpDef* def = context_.ops.find(op->text);
  AttrMap common;
  optimizer_attributes(*def, *json, "op", common);
  Optimizer result{op->text, {}, json->at};
  const JsonValue* groups = train->find("groups");
  if (groups == nullptr) {
    result.groups.push_back({"*", common, json->at});
  } else if (expect(*groups, JsonValue::Kind::list, "a list of groups", diagnostics_)) {
    for (const JsonValue& item : groups->items) {
      if (!expect(item, JsonValue::Kind::object, "an object with match", diagnostics_)) continue;
      const JsonValue* match = item.find("match");
      if (match == nullptr) {
        error(item.at, "a group needs \"match\"");
        continue;
      }
      if (!expect(*match, JsonValue::Kind::text, "a pattern of names", diagnostics_)) continue;
      OptimizerGroup group{match->text, common, match->at};
      optimizer_attributes(*def, item, "match", group.attrs);
      result.groups.push_back(std::move(group));
    }
  }
  result_.optimizer = std::move(result);
}

}  // namespace graphrun::compiler
