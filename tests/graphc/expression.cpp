#include "compiler/expression.h"

#include <boost/test/unit_test.hpp>

using namespace graphrun;
using compiler::parse_expression;

namespace {

SymbolLookup values() {
  return [](std::string_view name) -> std::optional<Number> {
    if (name == "H") return Number(Dim(473));
    if (name == "layers") return Number(Dim(101));
    if (name == "rate") return Number(0.25);
    return std::nullopt;
  };
}

double value_of(const std::string& text) {
  const compiler::ParsedExpr parsed = parse_expression(text);
  BOOST_TEST_REQUIRE(parsed.error == "");
  const Result<double> value = evaluate_real(parsed.expr, values());
  BOOST_REQUIRE(value.ok());
  return *value;
}

}  // namespace

BOOST_AUTO_TEST_CASE(precedence_and_functions) {
  BOOST_TEST(value_of("2*((H-1)/16+1)-1") == 59);
  BOOST_TEST(value_of("10 - 4 - 3") == 3);
  BOOST_TEST(value_of("7/2*2") == 6);
  BOOST_TEST(value_of("-7/2") == -4);
  BOOST_TEST(value_of("-(7/2)") == -3);
  BOOST_TEST(value_of("7.0/2") == 3.5);
  BOOST_TEST(value_of("1 + 2 < 4 && !(3 == 4)") == 1);
  BOOST_TEST(value_of("0 || 1 && 0") == 0);
  BOOST_TEST(value_of("layers == 50 ? 6 : layers == 101 ? 23 : 36") == 23);
  BOOST_TEST(value_of("true ? false ? 1 : 2 : 3") == 2);
  BOOST_TEST(value_of("max(min(H, 100), sqrt(pow(rate, 2)))") == 100);
  BOOST_TEST(value_of("1e-3*1000") == 1);
  BOOST_TEST(value_of("H % 8") == 1);
}

BOOST_AUTO_TEST_CASE(errors_have_their_place) {
  const auto offset = [](std::string_view text) {
    const compiler::ParsedExpr parsed = parse_expression(text);
    BOOST_TEST(parsed.error != "");
    return parsed.offset;
  };
  BOOST_TEST(offset("") == 0U);
  BOOST_TEST(offset("1 +") == 3U);
  BOOST_TEST(offset("(1 + 2") == 0U);
  BOOST_TEST(offset("1 + 2)") == 5U);
  BOOST_TEST(offset("1 $ 2") == 2U);
  BOOST_TEST(offset("a ? b") == 2U);
  BOOST_TEST(offset("a : b") == 2U);
  BOOST_TEST(offset("1, 2") == 1U);
  BOOST_TEST(offset("min(1, 2, 3)") == 0U);
  BOOST_TEST(offset("99999999999999999999e999") == 0U);
}

BOOST_AUTO_TEST_CASE(deep_and_long_texts_are_refused) {
  BOOST_TEST(parse_expression(std::string(5000, '1')).error != "");
  BOOST_TEST(parse_expression(std::string(4000, '(')).error != "");
  BOOST_TEST(parse_expression(std::string(4000, '-') + "1").error != "");
  std::string sum = "1";
  for (int i = 0; i < 300; ++i) sum += "+1";
  BOOST_TEST(parse_expression(sum).error != "");
}
