#include "graphrun/kernel/attributes.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace graphrun {
namespace {

Status error(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }

Status check_range(const AttrSpec& spec, double value) {
  if (value >= spec.min && value <= spec.max) return {};
  if (std::isinf(spec.max))
    return error("must be at least " + number_text(spec.min) + ", is " + number_text(value));
  return error("must be in " + number_text(spec.min) + " to " + number_text(spec.max) + ", is " +
               number_text(value));
}

Result<Dim> integer_of(const AttrSpec& spec, const Expr& expr, const SymbolLookup& lookup) {
  GRAPHRUN_ASSIGN(Dim dim, evaluate_dim(expr, lookup));
  if (dim.is_constant()) {
    GRAPHRUN_TRY(check_range(spec, static_cast<double>(dim.constant())));
  } else if (spec.structural || spec.kind == AttrKind::boolean) {
    return error("it decides what the graph is, so only structural parameters may be in it; " +
                 to_string(dim) + " is not known when the graph is compiled");
  }
  return dim;
}

Result<double> real_of(const AttrSpec& spec, const Expr& expr, const SymbolLookup& lookup) {
  GRAPHRUN_ASSIGN(const double value, evaluate_real(expr, lookup));
  GRAPHRUN_TRY(check_range(spec, value));
  return value;
}

template <class T, class Convert>
Result<std::vector<T>> list_of(const AttrSpec& spec, const AttrValue& value, const Convert& convert) {
  std::vector<Expr> exprs;
  if (const Expr* one = std::get_if<Expr>(&value)) {
    exprs.assign(static_cast<std::size_t>(std::max(spec.length, 1)), *one);
  } else if (const auto* many = std::get_if<std::vector<Expr>>(&value)) {
    exprs = *many;
  } else {
    return error("a list of numbers is expected, got text");
  }
  if (spec.length != 0 && exprs.size() != static_cast<std::size_t>(spec.length)) {
    return error(std::to_string(spec.length) + " numbers are expected, got " + std::to_string(exprs.size()));
  }
  std::vector<T> list;
  for (const Expr& expr : exprs) {
    GRAPHRUN_ASSIGN(T item, convert(expr));
    list.push_back(std::move(item));
  }
  return list;
}

Result<std::string> text_of(const AttrSpec& spec, const AttrValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return error("text is expected");
  if (!spec.choices.empty() && std::ranges::find(spec.choices, *text) == spec.choices.end()) {
    std::string all;
    for (const std::string_view choice : spec.choices) all += (all.empty() ? "" : ", ") + std::string(choice);
    return error("\"" + *text + "\" is not one of " + all);
  }
  return *text;
}

}  // namespace

Result<Attributes> Attributes::evaluate(std::span<const AttrSpec> specs, const AttrMap& values,
                                        const SymbolLookup& lookup) {
  for (const auto& [name, value] : values) {
    if (std::ranges::find(specs, name, &AttrSpec::name) != specs.end()) continue;
    std::vector<std::string_view> names;
    for (const AttrSpec& spec : specs) names.push_back(spec.name);
    const std::string near = nearest_name(name, names);
    return error("unknown attribute \"" + name + "\"" +
                 (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }
  Attributes result;
  for (const AttrSpec& spec : specs) {
    const std::string name(spec.name);
    const auto given = values.find(spec.name);
    if (given == values.end() && !spec.fallback) return error("attribute \"" + name + "\" is missing");
    const AttrValue& value = given == values.end() ? *spec.fallback : given->second;
    const std::string where = "attribute \"" + name + "\"";
    const Expr* expr = std::get_if<Expr>(&value);
    const bool scalar =
        spec.kind == AttrKind::integer || spec.kind == AttrKind::real || spec.kind == AttrKind::boolean;
    if (scalar && expr == nullptr) return error(where + ": one number is expected");
    Value& slot = result.values_[name];
    const auto to_dim = [&](const Expr& item) { return integer_of(spec, item, lookup); };
    const auto to_real = [&](const Expr& item) { return real_of(spec, item, lookup); };
    switch (spec.kind) {
      case AttrKind::integer:
      case AttrKind::boolean: {
        GRAPHRUN_ASSIGN(slot, to_dim(*expr).with_context(where));
        break;
      }
      case AttrKind::real: {
        GRAPHRUN_ASSIGN(slot, to_real(*expr).with_context(where));
        break;
      }
      case AttrKind::text: {
        GRAPHRUN_ASSIGN(slot, text_of(spec, value).with_context(where));
        break;
      }
      case AttrKind::integers: {
        GRAPHRUN_ASSIGN(slot, list_of<Dim>(spec, value, to_dim).with_context(where));
        break;
      }
      case AttrKind::reals: {
        GRAPHRUN_ASSIGN(slot, list_of<double>(spec, value, to_real).with_context(where));
        break;
      }
    }
  }
  return result;
}

template <class T>
const T& Attributes::get(std::string_view name) const {
  const auto found = values_.find(name);
  const T* value = found == values_.end() ? nullptr : std::get_if<T>(&found->second);
  if (value == nullptr) std::abort();
  return *value;
}

const Dim& Attributes::dim(std::string_view name) const { return get<Dim>(name); }
std::int64_t Attributes::integer(std::string_view name) const {
  const Dim& value = get<Dim>(name);
  if (!value.is_constant()) std::abort();
  return value.constant();
}
double Attributes::real(std::string_view name) const { return get<double>(name); }
bool Attributes::flag(std::string_view name) const { return integer(name) != 0; }
const std::string& Attributes::text(std::string_view name) const { return get<std::string>(name); }
const std::vector<Dim>& Attributes::dims(std::string_view name) const { return get<std::vector<Dim>>(name); }
std::vector<std::int64_t> Attributes::integers(std::string_view name) const {
  std::vector<std::int64_t> list;
  for (const Dim& dim : dims(name)) {
    if (!dim.is_constant()) std::abort();
    list.push_back(dim.constant());
  }
  return list;
}
const std::vector<double>& Attributes::reals(std::string_view name) const {
  return get<std::vector<double>>(name);
}

std::string number_text(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return std::to_string(static_cast<std::int64_t>(value));
  return to_string(Expr(value));
}

}  // namespace graphrun
