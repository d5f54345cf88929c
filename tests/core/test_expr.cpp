#include <boost/test/unit_test.hpp>
#include <cmath>

#include "graphrun/kernel/expr.h"

using namespace graphrun;

namespace {

// A postfix expression from tokens; names become symbols.
using Part = std::variant<ExprOp, int, double, const char*>;
Expr make(std::initializer_list<Part> parts) {
  Expr expr;
  for (const Part& part : parts) {
    if (const auto* op = std::get_if<ExprOp>(&part)) expr.tokens.push_back({*op, 0, 0});
    if (const auto* integer = std::get_if<int>(&part)) expr.tokens.push_back({ExprOp::integer, *integer, 0});
    if (const auto* real = std::get_if<double>(&part)) expr.tokens.push_back({ExprOp::real, 0, *real});
    if (const auto* name = std::get_if<const char*>(&part)) {
      expr.tokens.push_back({ExprOp::symbol, static_cast<std::int64_t>(expr.symbols.size()), 0});
      expr.symbols.emplace_back(*name);
    }
  }
  return expr;
}

std::optional<Number> lookup(std::string_view symbol) {
  if (symbol == "H") return Number(Dim::symbol("H"));
  if (symbol == "classes") return Number(Dim(19));
  if (symbol == "rate") return Number(0.5);
  return std::nullopt;
}

std::int64_t integer(const Expr& expr) {
  const auto dim = evaluate_dim(expr, lookup);
  BOOST_REQUIRE(dim.ok());
  BOOST_REQUIRE(dim->is_constant());
  return dim->constant();
}

double real(const Expr& expr) {
  const auto value = evaluate_real(expr, lookup);
  BOOST_REQUIRE(value.ok());
  return *value;
}

std::string error(const Expr& expr) {
  const auto value = evaluate(expr, lookup);
  BOOST_REQUIRE(!value.ok());
  return value.status().message();
}

}  // namespace

BOOST_AUTO_TEST_CASE(integers_divide_downwards_and_reals_exactly) {
  BOOST_TEST(integer(make({-7, 2, ExprOp::divide})) == -4);
  BOOST_TEST(integer(make({-7, 8, ExprOp::modulo})) == 1);
  BOOST_TEST(real(make({7, 2.0, ExprOp::divide})) == 3.5);
  BOOST_TEST(real(make({-7.5, 2.0, ExprOp::modulo})) == 0.5);
  BOOST_TEST(integer(make({"classes", 1, ExprOp::add, 2, ExprOp::multiply})) == 40);
  BOOST_TEST(real(make({"rate", 4, ExprOp::multiply})) == 2.0);
}

BOOST_AUTO_TEST_CASE(functions_and_conditions) {
  BOOST_TEST(integer(make({3, 5, ExprOp::minimum})) == 3);
  BOOST_TEST(integer(make({3, 5, ExprOp::maximum})) == 5);
  BOOST_TEST(real(make({2.25, ExprOp::square_root})) == 1.5);
  BOOST_TEST(real(make({2, 10, ExprOp::power})) == 1024.0);
  BOOST_TEST(integer(make({3, ExprOp::negate})) == -3);
  BOOST_TEST(integer(make({0, ExprOp::logical_not})) == 1);
  BOOST_TEST(integer(make({2, 2.0, ExprOp::equal})) == 1);
  BOOST_TEST(integer(make({2, 3, ExprOp::greater_equal})) == 0);
  BOOST_TEST(integer(make({1, 0, ExprOp::logical_and})) == 0);
  BOOST_TEST(integer(make({1, 0, ExprOp::logical_or})) == 1);
  BOOST_TEST(integer(make({"classes", 20, ExprOp::less, 1, 2, ExprOp::select})) == 1);
}

BOOST_AUTO_TEST_CASE(a_real_that_is_whole_is_an_integer) {
  BOOST_TEST(integer(make({4.0})) == 4);
  BOOST_TEST(!evaluate_dim(make({4.5}), lookup).ok());
  BOOST_TEST(!evaluate_dim(make({1e300}), lookup).ok());
  BOOST_TEST(!evaluate_dim(make({std::nan("")}), lookup).ok());
}

BOOST_AUTO_TEST_CASE(sizes_stay_symbols) {
  const auto dim = evaluate_dim(make({"H", 1, ExprOp::subtract, 8, ExprOp::divide, 1, ExprOp::add}), lookup);
  BOOST_REQUIRE(dim.ok());
  BOOST_TEST((*dim == floor_div(Dim::symbol("H") - 1, 8) + 1));
  BOOST_TEST(integer(make({"H", "H", ExprOp::equal})) == 1);
  BOOST_TEST(integer(make({"H", "H", ExprOp::not_equal})) == 0);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_computed_is_an_error) {
  BOOST_TEST(error(make({"Q"})) == "\"Q\" is not defined here");
  BOOST_TEST(error(make({1, 0, ExprOp::divide})) == "the expression overflows or divides by zero");
  BOOST_TEST(error(make({1.0, 0.0, ExprOp::divide})) == "division by zero");
  BOOST_TEST(error(make({-1.0, ExprOp::square_root})) == "square root of a negative number");
  BOOST_TEST(error(make({"H", 3, ExprOp::less})) == "cannot compare H with 3 before their values are known");
  BOOST_TEST(error(make({"H", 1, 2, ExprOp::select})) == "the value of H is not known here");
  BOOST_TEST(error(make({"H", ExprOp::square_root})) == "the value of H is not known here");
  BOOST_TEST(!evaluate_real(make({"H"}), lookup).ok());
}

BOOST_AUTO_TEST_CASE(malformed_expressions_are_refused) {
  BOOST_TEST(!Expr(make({})).validate().ok());
  BOOST_TEST(!make({ExprOp::add}).validate().ok());
  BOOST_TEST(!make({1, ExprOp::add}).validate().ok());
  BOOST_TEST(!make({1, 2}).validate().ok());
  BOOST_TEST(!make({1, 2, ExprOp::select}).validate().ok());
  BOOST_TEST(!make({static_cast<ExprOp>(kExprOpCount)}).validate().ok());
  BOOST_TEST(!make({ExprOp::symbol}).validate().ok());
  Expr outside = Expr::symbol("H");
  outside.tokens[0].integer = -1;
  BOOST_TEST(!outside.validate().ok());
  Expr longest = 1;
  while (longest.tokens.size() <= kMaxExprTokens) longest.tokens.push_back({ExprOp::negate, 0, 0});
  BOOST_TEST(!longest.validate().ok());
  longest.tokens.pop_back();
  BOOST_TEST(longest.validate().ok());
  BOOST_TEST(to_string(outside) == "?");
}

BOOST_AUTO_TEST_CASE(text_is_infix) {
  BOOST_TEST(to_string(make({2, "H", 1, ExprOp::subtract, 16, ExprOp::divide, 1, ExprOp::add,
                             ExprOp::multiply})) == "2*(((H - 1)/16) + 1)");
  BOOST_TEST(to_string(make({1, 2, 3, ExprOp::select})) == "1 ? 2 : 3");
  BOOST_TEST(to_string(make({0.5, ExprOp::negate})) == "-0.5");
  BOOST_TEST(to_string(make({1e-5})) == "0.00001");
  BOOST_TEST(to_string(make({1e-8})) == "1e-08");
  BOOST_TEST(to_string(make({0.123456789})) == "0.123456789");
  BOOST_TEST(to_string(make({2.0})) == "2.0");
  BOOST_TEST(to_string(make({1, 2, ExprOp::maximum})) == "max(1, 2)");
}
