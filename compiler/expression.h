#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "graphrun/kernel/expr.h"

// Expressions of graph files: integers and reals, names (also value.C), + - * / %, comparisons, && || !,
// c ? a : b, min(a, b), max(a, b), pow(a, b), sqrt(a), true, false.
namespace graphrun::compiler {

struct ParsedExpr {
  Expr expr;
  std::string error;       // empty: parsed
  std::size_t offset = 0;  // of the error in the text, in bytes
};
ParsedExpr parse_expression(std::string_view text);

// The expression with symbols replaced by expressions; a symbol for which `lookup` is empty stays.
Expr substitute(const Expr& expr, const std::function<std::optional<Expr>(const std::string&)>& lookup);

// An expression without symbols becomes a literal; others stay. Errors are evaluate()'s.
Result<Expr> fold(Expr expr);

}  // namespace graphrun::compiler
