#include <algorithm>
#include <cmath>

#include "compiler/expander.h"

namespace graphrun::compiler {

const OpDef* Expander::find_optimizer(std::string_view name, Position at) {
  const OpDef* def = context_.ops.find(name);
  if (def != nullptr && def->optimizer) return def;
  std::vector<std::string_view> names;
  for (const OpDef* known : context_.ops.all()) {
    if (known->optimizer) names.push_back(known->name);
  }
  error(at, "there is no optimizer " + in_quotes(name) + suggestion(name, names));
  return nullptr;
}

// What the file names, or the one that was chosen instead. Null after an error, and where there is none.
const OpDef* Expander::optimizer_op(const JsonValue* json, Position at) {
  if (json != nullptr) {
    if (!expect(*json, JsonValue::Kind::object, "an object with op", diagnostics_)) return nullptr;
    const JsonValue* op = json->find("op");
    if (op == nullptr) {
      error(json->at, "the optimizer needs \"op\"");
      return nullptr;
    }
    if (!expect(*op, JsonValue::Kind::text, "the name of an optimizer", diagnostics_)) return nullptr;
    written_optimizer_ = find_optimizer(op->text, op->at);
    if (written_optimizer_ == nullptr) return nullptr;
  }
  return chosen_optimizer_.empty() ? written_optimizer_ : find_optimizer(chosen_optimizer_, at);
}

// Those of the written optimiser; what another one that was chosen instead has not is left out.
AttrMap Expander::optimizer_attributes(const JsonValue& json, std::string_view own_key,
                                       std::string_view what) {
  const OpDef& written = written_optimizer_ == nullptr ? *optimizer_ : *written_optimizer_;
  AttrMap attrs;
  std::vector<std::string_view> known{own_key, "doc"};
  for (const AttrSpec& spec : written.attrs) {
    known.push_back(spec.name);
    const JsonValue* given = json.find(spec.name);
    if (given == nullptr) continue;
    std::optional<AttrValue> value = checked_attribute(spec, *given, "");
    const bool taken =
        std::ranges::find(optimizer_->attrs, spec.name, &AttrSpec::name) != optimizer_->attrs.end();
    if (value && taken) attrs[std::string(spec.name)] = *std::move(value);
  }
  check_keys(json, known, what, diagnostics_);
  return attrs;
}

std::optional<ParameterSelector> Expander::selector(const JsonValue& json) {
  ParameterSelector selector;
  if (json.kind == JsonValue::Kind::text) {
    selector.name = json.text;
    return selector;
  }
  constexpr std::string_view kWhat = "a pattern of names, or an object with name, op, operand, rank";
  if (!expect(json, JsonValue::Kind::object, kWhat, diagnostics_)) return std::nullopt;
  check_keys(json, {"name", "op", "operand", "rank"}, "match", diagnostics_);
  for (const auto& [key, pattern] : {std::pair("name", &selector.name), std::pair("op", &selector.op),
                                     std::pair("operand", &selector.operand)}) {
    const JsonValue* given = json.find(key);
    if (given == nullptr) continue;
    if (!expect(*given, JsonValue::Kind::text, "a pattern", diagnostics_)) return std::nullopt;
    *pattern = given->text;
  }
  if (const JsonValue* given = json.find("rank")) {
    const std::optional<double> rank = read_number(*given, diagnostics_);
    if (!rank) return std::nullopt;
    if (!(*rank >= 0 && *rank <= kMaxRank && *rank == std::floor(*rank))) {
      error(given->at, "a rank is an integer from 0 to " + std::to_string(kMaxRank));
      return std::nullopt;
    }
    selector.rank = static_cast<int>(*rank);
  }
  return selector;
}

std::vector<ParameterSelector> Expander::selectors(const JsonValue& json) {
  std::vector<ParameterSelector> all;
  const auto add = [&](const JsonValue& item) {
    if (std::optional<ParameterSelector> one = selector(item)) all.push_back(*std::move(one));
  };
  if (!json.is_list()) {
    add(json);
  } else {
    std::ranges::for_each(json.items, add);
    if (json.items.empty()) error(json.at, "at least one pattern is needed");
  }
  return all;
}

// `what`: "group", "rule".
std::vector<OptimizerGroup> Expander::optimizer_groups(const JsonValue& json, std::string_view what) {
  std::vector<OptimizerGroup> groups;
  if (!expect(json, JsonValue::Kind::list, "a list of " + std::string(what) + "s", diagnostics_))
    return groups;
  for (const JsonValue& item : json.items) {
    if (!expect(item, JsonValue::Kind::object, "an object with match", diagnostics_)) continue;
    const JsonValue* match = item.find("match");
    if (match == nullptr) {
      error(item.at, "a " + std::string(what) + " needs \"match\"");
      continue;
    }
    OptimizerGroup group{selectors(*match), {}, match->at};
    if (group.match.empty()) continue;
    group.attrs = optimizer_attributes(item, "match", "a " + std::string(what));
    groups.push_back(std::move(group));
  }
  return groups;
}

// Constants of an optimiser that the file does not know of may have graph parameters all the same.
void Expander::take_parameters_of_same_name(AttrMap& attrs) {
  for (const AttrSpec& spec : optimizer_->attrs) {
    const auto found = std::ranges::find(context_.model.parameters, spec.name, &model::GraphParameter::name);
    if (found == context_.model.parameters.end()) continue;
    const Expr value = found->structural ? Expr(found->value) : Expr::symbol(std::string(spec.name));
    attrs.try_emplace(std::string(spec.name), value);
  }
}

void Expander::optimizer() {
  current_ = "train";
  const JsonValue* train = source_.graph().find("train");
  if (train != nullptr && !expect(*train, JsonValue::Kind::object, "an object", diagnostics_)) return;
  if (train != nullptr)
    check_keys(*train, {"doc", "optimizer", "groups", "rules", "settings"}, "train", diagnostics_);
  const JsonValue* json = train == nullptr ? nullptr : train->find("optimizer");
  const Position at = json == nullptr ? source_.graph().at : json->at;
  optimizer_ = optimizer_op(json, at);
  if (optimizer_ == nullptr) return;
  Optimizer result{std::string(optimizer_->name), {}, {}, {}, false, at};
  if (json != nullptr)
    result.attrs =
        optimizer_attributes(*json, "op", "the optimizer " + std::string(written_optimizer_->name));
  if (!chosen_optimizer_.empty()) take_parameters_of_same_name(result.attrs);
  const JsonValue* groups = json == nullptr ? nullptr : train->find("groups");
  if (groups == nullptr) {
    result.groups.push_back({{ParameterSelector()}, {}, at});
  } else {
    result.groups = optimizer_groups(*groups, "group");
  }
  const JsonValue* rules = json == nullptr ? nullptr : train->find("rules");
  if (rules != nullptr) {
    result.rules = optimizer_groups(*rules, "rule");
    result.rules_written = true;
  } else {
    for (const OptimizerRule& rule : optimizer_->optimizer->rules)
      result.rules.push_back({{rule.which}, {{std::string(rule.attr), Expr(rule.value)}}, at});
  }
  result_.optimizer = std::move(result);
}

}  // namespace graphrun::compiler
