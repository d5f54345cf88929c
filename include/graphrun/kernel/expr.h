#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "graphrun/kernel/dim.h"
#include "graphrun/status.h"

namespace graphrun {

// Operations of an expression. The numbers stand in model files: append, never renumber.
enum class ExprOp : std::uint8_t {
  integer = 0,  // push Token::integer
  real = 1,     // push Token::real
  symbol = 2,   // push the value of Expr::symbols[Token::integer]
  negate = 3,
  add = 4,
  subtract = 5,
  multiply = 6,
  divide = 7,  // integers: quotient rounded down; reals: division
  modulo = 8,
  minimum = 9,
  maximum = 10,
  square_root = 11,
  power = 12,
  equal = 13,  // comparisons give the integers 1 and 0
  not_equal = 14,
  less = 15,
  less_equal = 16,
  greater = 17,
  greater_equal = 18,
  logical_and = 19,
  logical_or = 20,
  logical_not = 21,
  select = 22,  // condition, then, else
};
inline constexpr int kExprOpCount = 23;

// An integer (possibly symbolic) or a real number. Booleans are the integers 0 and 1.
using Number = std::variant<Dim, double>;

// An expression over named symbols in postfix order: evaluation needs a small stack and no recursion.
struct Expr {
  struct Token {
    ExprOp op = ExprOp::integer;
    std::int64_t integer = 0;
    double real = 0;
    bool operator==(const Token&) const = default;
  };
  std::vector<Token> tokens;
  std::vector<std::string> symbols;
  bool operator==(const Expr&) const = default;

  Expr() = default;
  Expr(std::int64_t value) : tokens{{ExprOp::integer, value, 0}} {}  // NOLINT: a number is an expression
  Expr(int value) : Expr(std::int64_t{value}) {}                     // NOLINT
  Expr(double value) : tokens{{ExprOp::real, 0, value}} {}           // NOLINT
  static Expr symbol(std::string name);

  // Stack use, operand counts and indices are right. Files are checked with this before anything is
  // evaluated.
  Status validate() const;
};

inline constexpr std::size_t kMaxExprTokens = 256;

// The value of a symbol, or empty where it is unknown.
using SymbolLookup = std::function<std::optional<Number>(std::string_view)>;

// Errors: an unknown symbol, division by zero, overflow, a condition or a real operation on an integer whose
// value is not known yet. Mixed operands are computed as reals.
Result<Number> evaluate(const Expr& expr, const SymbolLookup& lookup);
// evaluate(), with the result demanded to be an integer / converted to a real. A real with an integral value
// is an integer here.
Result<Dim> evaluate_dim(const Expr& expr, const SymbolLookup& lookup);
Result<double> evaluate_real(const Expr& expr, const SymbolLookup& lookup);

// The dimension as an expression; an invalid one divides by zero. (Defined in dim.cpp.)
Expr to_expr(const Dim& dim);

// Infix text, e.g. "2*((H - 1)/16 + 1) - 1".
std::string to_string(const Expr& expr);

}  // namespace graphrun
