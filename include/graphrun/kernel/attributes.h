#pragma once

#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "graphrun/kernel/expr.h"

namespace graphrun {

// An attribute as it stands in a graph: numbers are expressions and may depend on graph parameters until
// bind. Booleans are expressions too (0 or 1).
using AttrValue = std::variant<Expr, std::string, std::vector<Expr>>;
using AttrMap = std::map<std::string, AttrValue, std::less<>>;

enum class AttrKind {
  integer,   // Expr, may be symbolic before bind
  real,      // Expr
  boolean,   // Expr, structural
  text,      // std::string, one of `choices`
  integers,  // vector<Expr>; a single number stands for a list of `length` equal ones
  reals,     // vector<Expr>
};

// The specification of one of an op's attributes.
struct AttrSpec {
  std::string_view name;
  AttrKind kind;
  std::string_view doc;
  // Absent: the graph must give it.
  std::optional<AttrValue> fallback;
  double min = -std::numeric_limits<double>::infinity();  // inclusive, of numbers
  double max = std::numeric_limits<double>::infinity();
  int length = 0;                           // of integers and reals; 0: any
  std::vector<std::string_view> choices{};  // of text
  // May depend on sizes that are known at bind only (N, H, W). All others depend on graph parameters alone,
  // so that a file cannot make Attributes::integer() and the like fail.
  bool symbolic = false;
  // Must be known when a graph is compiled, so that OpDef::infer may ask for its number
  // (Attributes::integer() and the like). Late parameters, which have no value there yet, are an error in it.
  // A boolean is always so.
  bool structural = false;
};

// The attributes of one node, evaluated: every attribute of the op is there, of its kind and in its range.
// Integers stay symbolic where the symbols are not known yet (in the compiler).
class Attributes {
 public:
  // Evaluates `values` against `specs`. Errors name the attribute, its range, and the nearest name for an
  // unknown one.
  static Result<Attributes> evaluate(std::span<const AttrSpec> specs, const AttrMap& values,
                                     const SymbolLookup& lookup);

  // Precondition of all: the op has an attribute of that name and kind. Every number is constant once a model
  // is bound; before that, those of structural attributes are.
  const Dim& dim(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;  // and it is constant
  double real(std::string_view name) const;
  bool flag(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  const std::vector<Dim>& dims(std::string_view name) const;
  std::vector<std::int64_t> integers(std::string_view name) const;  // and all are constant
  const std::vector<double>& reals(std::string_view name) const;

 private:
  using Value = std::variant<Dim, double, std::string, std::vector<Dim>, std::vector<double>>;
  template <class T>
  const T& get(std::string_view name) const;
  std::map<std::string, Value, std::less<>> values_;
};

// A number as messages show it: integers without a point.
std::string number_text(double value);

// The candidate nearest to `name` by edit distance, or empty when none is near (more than a third differs).
// The search is limited: names of at most 128 bytes, the first 1000 candidates.
std::string nearest_name(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace graphrun
