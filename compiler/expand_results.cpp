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
  if (!is_on(member.value)) return;
  const JsonValue* op = member.value.find("op");
  if (op == nullptr) return error(member.at, "a loss needs \"op\"");
  Loss loss;
  loss.name = member.key;
  if (const JsonValue* weight = member.value.find("weight"))
    loss.weight = expression(*weight).value_or(Expr(1.0));
  top().prefix = "loss." + member.key + ".";
  const std::vector<ValueId> values = add_op(member.value, *op, {"op", "weight", "if", "doc"});
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

}  // namespace graphrun::compiler
