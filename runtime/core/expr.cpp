#include "graphrun/kernel/expr.h"

#include <array>
#include <charconv>
#include <cmath>
#include <span>

namespace graphrun {
namespace {

int operand_count(ExprOp op) {
  switch (op) {
    case ExprOp::integer:
    case ExprOp::real:
    case ExprOp::symbol:
      return 0;
    case ExprOp::negate:
    case ExprOp::square_root:
    case ExprOp::logical_not:
      return 1;
    case ExprOp::select:
      return 3;
    default:
      return 2;
  }
}

Status error(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }

Result<double> real_of(const Number& number) {
  if (const double* real = std::get_if<double>(&number)) return *real;
  const Dim& dim = std::get<Dim>(number);
  if (!dim.is_constant()) return error("the value of " + to_string(dim) + " is not known here");
  return static_cast<double>(dim.constant());
}

Result<Number> checked(Dim dim) {
  if (!dim.valid()) return error("the expression overflows or divides by zero");
  return Number(std::move(dim));
}

// Comparisons and logic, on two integers or two reals; the truth values are the integers 1 and 0.
template <class T>
Result<Number> compare(ExprOp op, T x, T y) {
  switch (op) {
    case ExprOp::equal:
      return Number(Dim(x == y));
    case ExprOp::not_equal:
      return Number(Dim(x != y));
    case ExprOp::less:
      return Number(Dim(x < y));
    case ExprOp::less_equal:
      return Number(Dim(x <= y));
    case ExprOp::greater:
      return Number(Dim(x > y));
    case ExprOp::greater_equal:
      return Number(Dim(x >= y));
    case ExprOp::logical_and:
      return Number(Dim(x != 0 && y != 0));
    case ExprOp::logical_or:
      return Number(Dim(x != 0 || y != 0));
    default:
      return error("an operation that two numbers do not have");
  }
}

Result<Number> apply_dims(ExprOp op, const Dim& a, const Dim& b) {
  switch (op) {
    case ExprOp::add:
      return checked(a + b);
    case ExprOp::subtract:
      return checked(a - b);
    case ExprOp::multiply:
      return checked(a * b);
    case ExprOp::divide:
      return checked(floor_div(a, b));
    case ExprOp::modulo:
      return checked(remainder(a, b));
    case ExprOp::minimum:
      return checked(min(a, b));
    case ExprOp::maximum:
      return checked(max(a, b));
    default:
      break;
  }
  if (op == ExprOp::equal && a == b) return Number(Dim(1));
  if (op == ExprOp::not_equal && a == b) return Number(Dim(0));
  if (!a.is_constant() || !b.is_constant()) {
    return error("cannot compare " + to_string(a) + " with " + to_string(b) +
                 " before their values are known");
  }
  return compare(op, a.constant(), b.constant());
}

Result<Number> apply_reals(ExprOp op, double x, double y) {
  switch (op) {
    case ExprOp::add:
      return Number(x + y);
    case ExprOp::subtract:
      return Number(x - y);
    case ExprOp::multiply:
      return Number(x * y);
    case ExprOp::divide:
      if (y == 0) return error("division by zero");
      return Number(x / y);
    case ExprOp::modulo:
      if (y == 0) return error("division by zero");
      return Number(x - y * std::floor(x / y));
    case ExprOp::minimum:
      return Number(std::fmin(x, y));
    case ExprOp::maximum:
      return Number(std::fmax(x, y));
    case ExprOp::power:
      return Number(std::pow(x, y));
    default:
      return compare(op, x, y);
  }
}

Result<Number> apply(ExprOp op, std::span<const Number> args) {
  if (op == ExprOp::select) {
    GRAPHRUN_ASSIGN(const double condition, real_of(args[0]));
    return condition != 0 ? args[1] : args[2];
  }
  if (op == ExprOp::negate) {
    if (const Dim* dim = std::get_if<Dim>(&args[0])) return checked(Dim(0) - *dim);
    return Number(-std::get<double>(args[0]));
  }
  if (op == ExprOp::square_root || op == ExprOp::logical_not) {
    GRAPHRUN_ASSIGN(const double x, real_of(args[0]));
    if (op == ExprOp::logical_not) return Number(Dim(x == 0));
    if (x < 0) return error("square root of a negative number");
    return Number(std::sqrt(x));
  }
  const Dim* a = std::get_if<Dim>(&args[0]);
  const Dim* b = std::get_if<Dim>(&args[1]);
  if (a != nullptr && b != nullptr && op != ExprOp::power) return apply_dims(op, *a, *b);
  GRAPHRUN_ASSIGN(const double x, real_of(args[0]));
  GRAPHRUN_ASSIGN(const double y, real_of(args[1]));
  return apply_reals(op, x, y);
}

std::string_view infix(ExprOp op) {
  switch (op) {
    case ExprOp::add:
      return " + ";
    case ExprOp::subtract:
      return " - ";
    case ExprOp::multiply:
      return "*";
    case ExprOp::divide:
      return "/";
    case ExprOp::modulo:
      return "%";
    case ExprOp::equal:
      return " == ";
    case ExprOp::not_equal:
      return " != ";
    case ExprOp::less:
      return " < ";
    case ExprOp::less_equal:
      return " <= ";
    case ExprOp::greater:
      return " > ";
    case ExprOp::greater_equal:
      return " >= ";
    case ExprOp::logical_and:
      return " && ";
    case ExprOp::logical_or:
      return " || ";
    default:
      return "";
  }
}

// The shortest text that reads back as the same number, and as a real.
std::string real_text(double value) {
  constexpr double kSmall = 1e-6;
  constexpr double kLarge = 1e15;
  const double size = std::abs(value);
  const bool plain = value == 0 || (size >= kSmall && size < kLarge);
  std::array<char, 64> digits{};
  char* const last = digits.data() + digits.size();
  const char* const end = plain ? std::to_chars(digits.data(), last, value, std::chars_format::fixed).ptr
                                : std::to_chars(digits.data(), last, value).ptr;
  const std::string text(digits.data(), static_cast<std::size_t>(end - digits.data()));
  return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
}

}  // namespace

Expr Expr::symbol(std::string name) {
  Expr expr;
  expr.tokens = {{ExprOp::symbol, 0, 0}};
  expr.symbols = {std::move(name)};
  return expr;
}

Status Expr::validate() const {
  if (tokens.empty()) return error("an empty expression");
  if (tokens.size() > kMaxExprTokens) return error("an expression of more than 256 parts");
  std::int64_t depth = 0;
  for (const Token& token : tokens) {
    if (static_cast<int>(token.op) >= kExprOpCount) return error("an unknown operation in an expression");
    const bool index_ok = token.integer >= 0 && token.integer < static_cast<std::int64_t>(symbols.size());
    if (token.op == ExprOp::symbol && !index_ok) return error("a symbol index outside the expression");
    const int operands = operand_count(token.op);
    if (depth < operands) return error("an expression with a missing operand");
    depth += 1 - operands;
  }
  if (depth != 1) return error("an expression with operands left over");
  return {};
}

Result<Number> evaluate(const Expr& expr, const SymbolLookup& lookup) {
  // Most expressions of a graph are one number: of these there are some ten for each node.
  if (const Expr::Token* only = expr.tokens.size() == 1 ? expr.tokens.data() : nullptr) {
    if (only->op == ExprOp::integer) return Number(Dim(only->integer));
    if (only->op == ExprOp::real) return Number(only->real);
  }
  GRAPHRUN_TRY(expr.validate());
  std::vector<Number> stack;
  for (const Expr::Token& token : expr.tokens) {
    if (token.op == ExprOp::integer) {
      stack.emplace_back(Dim(token.integer));
    } else if (token.op == ExprOp::real) {
      stack.emplace_back(token.real);
    } else if (token.op == ExprOp::symbol) {
      const std::string& name = expr.symbols[static_cast<std::size_t>(token.integer)];
      auto value = lookup(name);
      if (!value) return error("\"" + name + "\" is not defined here");
      stack.push_back(*std::move(value));
    } else {
      const std::size_t operands = static_cast<std::size_t>(operand_count(token.op));
      const std::span<const Number> args(stack.data() + stack.size() - operands, operands);
      GRAPHRUN_ASSIGN(Number value, apply(token.op, args));
      stack.resize(stack.size() - operands);
      stack.push_back(std::move(value));
    }
  }
  return std::move(stack.back());
}

Result<Dim> evaluate_dim(const Expr& expr, const SymbolLookup& lookup) {
  GRAPHRUN_ASSIGN(Number number, evaluate(expr, lookup));
  if (Dim* dim = std::get_if<Dim>(&number)) return std::move(*dim);
  const double real = std::get<double>(number);
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
  if (real != std::floor(real) || std::abs(real) > kExactIntegers) {
    return error("an integer is expected, " + to_string(expr) + " is " + real_text(real));
  }
  return Dim(static_cast<std::int64_t>(real));
}

Result<double> evaluate_real(const Expr& expr, const SymbolLookup& lookup) {
  GRAPHRUN_ASSIGN(const Number number, evaluate(expr, lookup));
  return real_of(number);
}

std::string to_string(const Expr& expr) {
  if (!expr.validate().ok()) return "?";
  struct Text {
    std::string text;
    bool simple;  // needs no parentheses as an operand
  };
  std::vector<Text> stack;
  const auto pop = [&stack] {
    Text top = std::move(stack.back());
    stack.pop_back();
    return top;
  };
  const auto operand = [](const Text& part) { return part.simple ? part.text : "(" + part.text + ")"; };
  for (const Expr::Token& token : expr.tokens) {
    switch (token.op) {
      case ExprOp::integer:
        stack.push_back({std::to_string(token.integer), token.integer >= 0});
        break;
      case ExprOp::real:
        stack.push_back({real_text(token.real), token.real >= 0});
        break;
      case ExprOp::symbol:
        stack.push_back({expr.symbols[static_cast<std::size_t>(token.integer)], true});
        break;
      case ExprOp::negate:
        stack.push_back({"-" + operand(pop()), false});
        break;
      case ExprOp::logical_not:
        stack.push_back({"!" + operand(pop()), true});
        break;
      case ExprOp::square_root:
        stack.push_back({"sqrt(" + pop().text + ")", true});
        break;
      case ExprOp::minimum:
      case ExprOp::maximum:
      case ExprOp::power: {
        const Text b = pop();
        const Text a = pop();
        const char* name = token.op == ExprOp::minimum   ? "min("
                           : token.op == ExprOp::maximum ? "max("
                                                         : "pow(";
        stack.push_back({name + a.text + ", " + b.text + ")", true});
        break;
      }
      case ExprOp::select: {
        const Text c = pop();
        const Text b = pop();
        const Text a = pop();
        stack.push_back({operand(a) + " ? " + operand(b) + " : " + operand(c), false});
        break;
      }
      default: {
        const Text b = pop();
        const Text a = pop();
        stack.push_back({operand(a) + std::string(infix(token.op)) + operand(b), false});
      }
    }
  }
  return stack.back().text;
}

}  // namespace graphrun
