#include "compiler/expression.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace graphrun::compiler {
namespace {

constexpr int kSelect = 1;  // precedences; a larger one binds tighter
constexpr int kUnary = 8;

struct Operator {
  std::string_view text;
  ExprOp op;
  int precedence;
};
// Longer operators stand before their prefixes.
constexpr std::array<Operator, 13> kBinary{{{"||", ExprOp::logical_or, 2},
                                            {"&&", ExprOp::logical_and, 3},
                                            {"==", ExprOp::equal, 4},
                                            {"!=", ExprOp::not_equal, 4},
                                            {"<=", ExprOp::less_equal, 5},
                                            {">=", ExprOp::greater_equal, 5},
                                            {"<", ExprOp::less, 5},
                                            {">", ExprOp::greater, 5},
                                            {"+", ExprOp::add, 6},
                                            {"-", ExprOp::subtract, 6},
                                            {"*", ExprOp::multiply, 7},
                                            {"/", ExprOp::divide, 7},
                                            {"%", ExprOp::modulo, 7}}};

struct Function {
  std::string_view name;
  ExprOp op;
  int arguments;
};
constexpr std::array<Function, 4> kFunctions{{{"min", ExprOp::minimum, 2},
                                              {"max", ExprOp::maximum, 2},
                                              {"pow", ExprOp::power, 2},
                                              {"sqrt", ExprOp::square_root, 1}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// What waits on the stack until its operands are complete.
struct Pending {
  enum class Kind { operation, parenthesis, call, question };
  Kind kind = Kind::operation;
  ExprOp op = ExprOp::add;
  int precedence = 0;
  int arguments = 1;  // of a call: seen so far
  int wanted = 0;     // of a call
  std::size_t offset = 0;
};

// Precedence parsing on an explicit stack, straight to postfix.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  ParsedExpr run() {
    constexpr std::size_t kMaxLength = 4096;
    if (text_.size() > kMaxLength) return fail(0, "an expression of more than 4096 characters");
    while (error_.empty()) {
      while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
      if (at_ == text_.size()) break;
      if (operand_next_) {
        operand();
      } else {
        operation();
      }
    }
    if (error_.empty() && operand_next_) fail(at_, "a number or a name is missing");
    if (error_.empty()) reduce(kSelect);
    if (error_.empty() && !pending_.empty())
      fail(pending_.back().offset,
           pending_.back().kind == Pending::Kind::question ? "\"?\" without \":\"" : "\"(\" without \")\"");
    if (error_.empty() && expr_.tokens.size() > kMaxExprTokens)
      fail(0, "an expression of more than 256 parts");
    return {std::move(expr_), error_, offset_};
  }

 private:
  ParsedExpr fail(std::size_t offset, std::string message) {
    error_ = std::move(message);
    offset_ = offset;
    return {{}, error_, offset_};
  }

  bool take(std::string_view wanted) {
    if (text_.substr(at_, wanted.size()) != wanted) return false;
    at_ += wanted.size();
    return true;
  }

  void emit(ExprOp op) { expr_.tokens.push_back({op, 0, 0}); }

  void reduce(int precedence) {
    while (!pending_.empty() && pending_.back().kind == Pending::Kind::operation &&
           pending_.back().precedence >= precedence) {
      emit(pending_.back().op);
      pending_.pop_back();
    }
  }

  void push(Pending::Kind kind, ExprOp op, int precedence, std::size_t offset, int wanted = 0) {
    pending_.push_back({kind, op, precedence, 1, wanted, offset});
  }

  void operand() {
    const std::size_t start = at_;
    if (take("-")) return push(Pending::Kind::operation, ExprOp::negate, kUnary, start);
    if (take("!")) return push(Pending::Kind::operation, ExprOp::logical_not, kUnary, start);
    if (take("(")) return push(Pending::Kind::parenthesis, ExprOp::add, 0, start);
    if (is_digit(text_[at_])) return number();
    if (is_name_start(text_[at_])) return name();
    fail(at_, "a number or a name is expected here");
  }

  void number() {
    const char* first = text_.data() + at_;
    const char* last = text_.data() + text_.size();
    std::int64_t integer = 0;
    const auto as_integer = std::from_chars(first, last, integer);
    double real = 0;
    const auto as_real = std::from_chars(first, last, real);
    const bool is_integer = as_integer.ec == std::errc() && as_integer.ptr == as_real.ptr;
    if (!is_integer && as_real.ec != std::errc()) {
      fail(at_, "a number that is too large");
      return;
    }
    expr_.tokens.push_back(is_integer ? Expr::Token{ExprOp::integer, integer, 0}
                                      : Expr::Token{ExprOp::real, 0, real});
    at_ += static_cast<std::size_t>(as_real.ptr - first);
    operand_next_ = false;
  }

  void name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && (is_name_start(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '.'))
      ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    const auto function = std::ranges::find(kFunctions, word, &Function::name);
    if (function != kFunctions.end()) {
      if (take("(")) return push(Pending::Kind::call, function->op, 0, start, function->arguments);
      fail(at_, "\"(\" is expected after " + std::string(word));
      return;
    }
    operand_next_ = false;
    if (word == "true" || word == "false") {
      expr_.tokens.push_back({ExprOp::integer, word == "true" ? 1 : 0, 0});
      return;
    }
    auto symbol = std::ranges::find(expr_.symbols, word);
    if (symbol == expr_.symbols.end()) symbol = expr_.symbols.insert(symbol, std::string(word));
    expr_.tokens.push_back({ExprOp::symbol, symbol - expr_.symbols.begin(), 0});
  }

  void operation() {
    const std::size_t start = at_;
    if (take(")")) return close(start);
    if (take(",")) {
      reduce(kSelect);
      if (pending_.empty() || pending_.back().kind != Pending::Kind::call) {
        fail(start, "\",\" outside a function's arguments");
      } else {
        ++pending_.back().arguments;
        operand_next_ = true;
      }
      return;
    }
    if (take("?")) {
      reduce(kSelect + 1);
      push(Pending::Kind::question, ExprOp::select, kSelect, start);
      operand_next_ = true;
      return;
    }
    if (take(":")) {
      reduce(kSelect);
      if (pending_.empty() || pending_.back().kind != Pending::Kind::question) {
        fail(start, "\":\" without \"?\"");
      } else {
        pending_.back().kind = Pending::Kind::operation;
        operand_next_ = true;
      }
      return;
    }
    for (const Operator& binary : kBinary) {
      if (!take(binary.text)) continue;
      reduce(binary.precedence);
      push(Pending::Kind::operation, binary.op, binary.precedence, start);
      operand_next_ = true;
      return;
    }
    fail(start, "an operator is expected here");
  }

  void close(std::size_t start) {
    reduce(kSelect);
    const bool open = !pending_.empty() && pending_.back().kind != Pending::Kind::question;
    if (!open) {
      fail(start, "\")\" without \"(\"");
      return;
    }
    const Pending top = pending_.back();
    pending_.pop_back();
    if (top.kind != Pending::Kind::call) return;
    if (top.arguments != top.wanted)
      fail(top.offset, "the function takes " + std::to_string(top.wanted) + " arguments, not " +
                           std::to_string(top.arguments));
    emit(top.op);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool operand_next_ = true;
  Expr expr_;
  std::vector<Pending> pending_;
  std::string error_;
  std::size_t offset_ = 0;
};

void append(Expr& target, const Expr& part) {
  for (Expr::Token token : part.tokens) {
    if (token.op == ExprOp::symbol) {
      const std::string& name = part.symbols[static_cast<std::size_t>(token.integer)];
      auto found = std::ranges::find(target.symbols, name);
      if (found == target.symbols.end()) found = target.symbols.insert(found, name);
      token.integer = found - target.symbols.begin();
    }
    target.tokens.push_back(token);
  }
}

}  // namespace

ParsedExpr parse_expression(std::string_view text) { return Parser(text).run(); }

Expr substitute(const Expr& expr, const std::function<std::optional<Expr>(const std::string&)>& lookup) {
  Expr result;
  for (const Expr::Token& token : expr.tokens) {
    if (result.tokens.size() > kMaxExprTokens) break;  // whoever evaluates it refuses it
    if (token.op != ExprOp::symbol) {
      result.tokens.push_back(token);
      continue;
    }
    const std::string& name = expr.symbols[static_cast<std::size_t>(token.integer)];
    append(result, lookup(name).value_or(Expr::symbol(name)));
  }
  return result;
}

Result<Expr> fold(Expr expr) {
  GRAPHRUN_TRY(expr.validate());
  if (!expr.symbols.empty()) return expr;
  GRAPHRUN_ASSIGN(const Number number, evaluate(expr, [](std::string_view) { return std::nullopt; }));
  if (const double* real = std::get_if<double>(&number)) return Expr(*real);
  return Expr(std::get<Dim>(number).constant());
}

}  // namespace graphrun::compiler
