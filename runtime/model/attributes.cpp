#include "graphrun/kernel/attributes.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace graphrun {
namespace {

// As Attributes keeps it.
using Value = std::variant<Dim, double, std::string, std::vector<Dim>, std::vector<double>>;

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

// One number stands for a list of as many as the attribute has.
template <class T, class Convert>
Result<std::vector<T>> list_of(const AttrSpec& spec, const AttrValue& value, const Convert& convert) {
  const Expr* const one = std::get_if<Expr>(&value);
  const auto* const many = std::get_if<std::vector<Expr>>(&value);
  if (one == nullptr && many == nullptr) return error("a list of numbers is expected, got text");
  const auto length = static_cast<std::size_t>(spec.length);
  const std::size_t size = many != nullptr ? many->size() : std::max<std::size_t>(length, 1);
  if (length != 0 && size != length)
    return error(std::to_string(length) + " numbers are expected, got " + std::to_string(size));
  std::vector<T> list;
  list.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    GRAPHRUN_ASSIGN(T item, convert(many != nullptr ? (*many)[i] : *one));
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

Status check_names(std::span<const AttrSpec> specs, const AttrMap& values) {
  for (const auto& [name, value] : values) {
    if (std::ranges::find(specs, name, &AttrSpec::name) != specs.end()) continue;
    std::vector<std::string_view> names;
    for (const AttrSpec& spec : specs) names.push_back(spec.name);
    const std::string near = nearest_name(name, names);
    return error("unknown attribute \"" + name + "\"" +
                 (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }
  return {};
}

std::string attribute(const AttrSpec& spec) { return "attribute \"" + std::string(spec.name) + "\""; }

Result<Value> value_of(const AttrSpec& spec, const AttrValue& value, const SymbolLookup& lookup) {
  const Expr* const expr = std::get_if<Expr>(&value);
  const bool scalar =
      spec.kind == AttrKind::integer || spec.kind == AttrKind::real || spec.kind == AttrKind::boolean;
  if (scalar && expr == nullptr) return error("one number is expected");
  const auto to_dim = [&](const Expr& item) { return integer_of(spec, item, lookup); };
  const auto to_real = [&](const Expr& item) { return real_of(spec, item, lookup); };
  switch (spec.kind) {
    case AttrKind::integer:
    case AttrKind::boolean: {
      GRAPHRUN_ASSIGN(Dim dim, to_dim(*expr));
      return Value(std::move(dim));
    }
    case AttrKind::real: {
      GRAPHRUN_ASSIGN(const double real, to_real(*expr));
      return Value(real);
    }
    case AttrKind::text: {
      GRAPHRUN_ASSIGN(std::string text, text_of(spec, value));
      return Value(std::move(text));
    }
    case AttrKind::integers: {
      GRAPHRUN_ASSIGN(std::vector<Dim> dims, list_of<Dim>(spec, value, to_dim));
      return Value(std::move(dims));
    }
    case AttrKind::reals: {
      GRAPHRUN_ASSIGN(std::vector<double> reals, list_of<double>(spec, value, to_real));
      return Value(std::move(reals));
    }
  }
  return error("an attribute of an unknown kind");
}

}  // namespace

Result<Attributes> Attributes::evaluate(std::span<const AttrSpec> specs, const AttrMap& values,
                                        const SymbolLookup& lookup) {
  Attributes result;
  std::size_t known = 0;
  for (const AttrSpec& spec : specs) {
    const auto given = values.find(spec.name);
    if (given != values.end()) ++known;
    if (given == values.end() && !spec.fallback) {
      GRAPHRUN_TRY(check_names(specs, values));
      return error(attribute(spec) + " is missing");
    }
    Result<Value> value = value_of(spec, given == values.end() ? *spec.fallback : given->second, lookup);
    if (!value.ok()) return std::move(value).status().with_context(attribute(spec));
    result.values_.insert_or_assign(std::string(spec.name), *std::move(value));
  }
  if (known != values.size()) GRAPHRUN_TRY(check_names(specs, values));
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
