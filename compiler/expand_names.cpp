#include <algorithm>

#include "compiler/expander.h"
#include "compiler/expression.h"
#include "runtime/model/validate.h"

namespace graphrun::compiler {
namespace {

template <class Map>
std::vector<std::string_view> keys_of(const Map& map) {
  std::vector<std::string_view> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

bool is_path(std::string_view text) {
  const auto part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && text.front() != '.' && text.back() != '.' &&
         text.find("..") == std::string_view::npos &&
         std::ranges::all_of(text, [&](char c) { return part(c) || c == '.'; });
}

}  // namespace

// x.N, x.C, x.H, x.W: an extent of a value of rank 4.
std::optional<Expr> Expander::extent_of(const std::string& name, const JsonValue& at) {
  const std::size_t dot = name.find('.');
  const std::string owner = name.substr(0, dot);
  const std::size_t axis = std::string_view("NCHW").find(std::string_view(name).substr(dot + 1));
  const auto found = top().scope->values.find(owner);
  if (found == top().scope->values.end()) {
    error(at.at, "there is no value " + in_quotes(owner) +
                     diagnostics_.suggestion(at.at, owner, [&] { return keys_of(top().scope->values); }));
    return std::nullopt;
  }
  if (found->second == kPoison) return std::nullopt;
  const ValueType& type = builder_.type(found->second);
  if (name.size() != dot + 2 || axis >= type.shape.size() || type.shape.size() != 4) {
    error(at.at, in_quotes(name) + ": expected N, C, H or W of a value of rank 4; " + owner + " is " +
                     to_string(type));
    return std::nullopt;
  }
  return to_expr(type.shape[axis]);
}

std::optional<Expr> Expander::resolve(const Expr& expr, const JsonValue& at) {
  bool good = true;
  Expr resolved = substitute(expr, [&](const std::string& name) -> std::optional<Expr> {
    const auto& numbers = top().scope->numbers;
    const auto found = numbers.find(name);
    if (found != numbers.end()) return found->second;
    if (name.find('.') != std::string::npos) {
      std::optional<Expr> extent = extent_of(name, at);
      good = good && extent;
      return extent;
    }
    good = false;
    error(at.at, "there is no number " + in_quotes(name) +
                     diagnostics_.suggestion(at.at, name, [&] { return keys_of(numbers); }));
    return std::nullopt;
  });
  if (!good) return std::nullopt;
  Result<Expr> folded = fold(std::move(resolved));
  if (folded.ok()) return *std::move(folded);
  error(at.at, folded.status().message());
  return std::nullopt;
}

std::optional<Expr> Expander::expression(const JsonValue& json) {
  const std::optional<Expr> expr = read_expr(json, diagnostics_);
  return expr ? resolve(*expr, json) : std::nullopt;
}

std::optional<std::int64_t> Expander::integer(const JsonValue& json) {
  const std::optional<Expr> expr = expression(json);
  if (!expr) return std::nullopt;
  Result<Dim> dim = evaluate_dim(*expr, symbols_);
  if (dim.ok() && dim->is_constant()) return dim->constant();
  error(json.at, dim.ok() ? "the structure of a graph cannot depend on " + to_string(*dim) +
                                ", which graphc does not know; a structural parameter is needed"
                          : dim.status().message());
  return std::nullopt;
}

std::optional<ValueId> Expander::value(const JsonValue& name) {
  if (!expect(name, JsonValue::Kind::text, "the name of a value", diagnostics_)) return std::nullopt;
  const auto& values = top().scope->values;
  const auto found = values.find(name.text);
  if (found != values.end()) return found->second;
  error(name.at, "there is no value " + in_quotes(name.text) +
                     diagnostics_.suggestion(name.at, name.text, [&] { return keys_of(values); }));
  return std::nullopt;
}

// "layer{i + 1}": the integers between braces are computed.
std::optional<std::string> Expander::interpolate(const JsonValue& text) {
  if (!expect(text, JsonValue::Kind::text, "a name", diagnostics_)) return std::nullopt;
  std::string result;
  std::size_t at = 0;
  while (at < text.text.size()) {
    const std::size_t open = text.text.find('{', at);
    result += text.text.substr(at, open - at);
    if (open == std::string::npos) break;
    const std::size_t close = text.text.find('}', open);
    if (close == std::string::npos) {
      error(text.at, "\"{\" without \"}\" in " + in_quotes(text.text));
      return std::nullopt;
    }
    JsonValue inside = text;
    inside.text = text.text.substr(open + 1, close - open - 1);
    inside.at.column += static_cast<std::uint32_t>(open + 1);
    const std::optional<std::int64_t> number = integer(inside);
    if (!number) return std::nullopt;
    result += std::to_string(*number);
    at = close + 1;
  }
  if (result.size() > model::kMaxNameLength) {
    error(text.at, "a name of more than " + std::to_string(model::kMaxNameLength) + " bytes");
    return std::nullopt;
  }
  if (is_path(result)) return result;
  error(text.at, in_quotes(result) + " cannot be part of a path");
  return std::nullopt;
}

std::optional<std::string> Expander::scope_prefix(const JsonValue& json, const std::string& base) {
  const JsonValue* as = json.find("as");
  if (as == nullptr) return base;
  const std::optional<std::string> name = interpolate(*as);
  if (!name) return std::nullopt;
  if (base.size() + name->size() < model::kMaxNameLength) return base + *name + ".";
  error(as->at, "the path is longer than " + std::to_string(model::kMaxNameLength) + " bytes");
  return std::nullopt;
}

std::optional<Init> Expander::initialiser(const JsonValue& json) {
  constexpr std::string_view kExpected =
      "expected \"kaiming_normal_fan_out\", \"uniform_fan_in\", {\"constant\": a}, {\"normal\": [mean, sd]} "
      "or "
      "{\"uniform\": [low, high]}";
  Init init;
  if (json.is_text() && json.text == "kaiming_normal_fan_out") {
    init.kind = InitKind::kaiming_normal_fan_out;
    return init;
  }
  if (json.is_text() && json.text == "uniform_fan_in") {
    init.kind = InitKind::uniform_fan_in;
    return init;
  }
  if (!json.is_object() || json.members.size() != 1) {
    error(json.at, kExpected);
    return std::nullopt;
  }
  const auto& [key, at, arguments] = json.members[0];
  const bool two = key == "normal" || key == "uniform";
  if ((!two && key != "constant") || (two && (!arguments.is_list() || arguments.items.size() != 2))) {
    error(at, kExpected);
    return std::nullopt;
  }
  init.kind = key == "normal" ? InitKind::normal : two ? InitKind::uniform : InitKind::constant;
  const std::optional<Expr> a = expression(two ? arguments.items[0] : arguments);
  const std::optional<Expr> b = two ? expression(arguments.items[1]) : Expr(0.0);
  if (!a || !b) return std::nullopt;
  init.a = *a;
  init.b = *b;
  return init;
}

// What holds inside a call or group: the initialisers around it, overridden by its own.
std::shared_ptr<const Inits> Expander::inits(const JsonValue& json) {
  const JsonValue* own = json.find("init");
  if (own == nullptr) return top().inits;
  Inits all = *top().inits;
  statement_bytes_ += all.size() * sizeof(Inits::value_type);
  if (!expect(*own, JsonValue::Kind::object, "an object: {\"op.slot\": initialiser}", diagnostics_))
    return nullptr;
  for (const JsonMember& member : own->members) {
    const std::size_t dot = member.key.find('.');
    const OpDef* def = context_.ops.find(std::string_view(member.key).substr(0, dot));
    const int slot =
        def == nullptr || dot == std::string::npos ? -1 : def->input_index(member.key.substr(dot + 1));
    if (slot < 0 || !def->inputs[static_cast<std::size_t>(slot)].is_variable) {
      error(member.at, in_quotes(member.key) + " is not a variable of an op, as \"conv2d.weight\" is");
      return nullptr;
    }
    std::optional<Init> init = initialiser(member.value);
    if (!init) return nullptr;
    all[member.key] = *std::move(init);
  }
  return std::make_shared<const Inits>(std::move(all));
}

std::shared_ptr<const AttrMap> Expander::defaults(const JsonValue& json) {
  const JsonValue* own = json.find("defaults");
  if (own == nullptr) return top().defaults;
  AttrMap all = *top().defaults;
  statement_bytes_ += all.size() * sizeof(AttrMap::value_type);
  if (!expect(*own, JsonValue::Kind::object, "an object: {\"op.attribute\": value}", diagnostics_))
    return nullptr;
  for (const JsonMember& member : own->members) {
    const std::size_t dot = member.key.find('.');
    const OpDef* def = context_.ops.find(std::string_view(member.key).substr(0, dot));
    const bool known = def != nullptr && !def->internal && dot != std::string::npos;
    const auto spec = known ? std::ranges::find(def->attrs, member.key.substr(dot + 1), &AttrSpec::name)
                            : std::vector<AttrSpec>::const_iterator();
    if (!known || spec == def->attrs.end()) {
      error(member.at, in_quotes(member.key) + " is not an attribute of an op, as \"batch_norm.eps\" is");
      return nullptr;
    }
    std::optional<AttrValue> value = checked_attribute(*spec, member.value, "");
    if (!value) return nullptr;
    all[member.key] = *std::move(value);
  }
  return std::make_shared<const AttrMap>(std::move(all));
}

}  // namespace graphrun::compiler
