#include <boost/test/unit_test.hpp>
#include <limits>

#include "graphrun/kernel/attributes.h"
#include "tests/model/expect.h"

using namespace graphrun;
using namespace graphrun::test;

namespace {

const std::vector<AttrSpec>& specs() {
  static const std::vector<AttrSpec> all{
      {"channels", AttrKind::integer, "", std::nullopt, 1, 4096},
      {"eps", AttrKind::real, "", Expr(1e-5), 0},
      {"bias", AttrKind::boolean, "", Expr(0), 0, 1},
      {"mode", AttrKind::text, "", std::string("none"), 0, 0, 0, {"none", "relu"}},
      {"kernel", AttrKind::integers, "", Expr(3), 1, 16, 2},
      {"weights", AttrKind::reals, "", std::vector<Expr>{0.5, 1}},
  };
  return all;
}

std::optional<Number> classes(std::string_view symbol) {
  if (symbol == "classes") return Number(Dim(19));
  if (symbol == "H") return Number(Dim::symbol("H"));
  return std::nullopt;
}

std::string error_of(const AttrMap& values) {
  return message_of(Attributes::evaluate(specs(), values, classes));
}

}  // namespace

BOOST_AUTO_TEST_CASE(values_and_defaults) {
  const Attributes attrs =
      require(Attributes::evaluate(specs(), {{"channels", Expr::symbol("classes")}}, classes));
  BOOST_TEST(attrs.integer("channels") == 19);
  BOOST_TEST(attrs.real("eps") == 1e-5);
  BOOST_TEST(!attrs.flag("bias"));
  BOOST_TEST(attrs.text("mode") == "none");
  BOOST_TEST(attrs.integers("kernel") == (std::vector<std::int64_t>{3, 3}), boost::test_tools::per_element());
  BOOST_TEST(attrs.reals("weights") == (std::vector<double>{0.5, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(given_values_win) {
  const AttrMap values{{"channels", 8},
                       {"eps", 1},
                       {"bias", 1},
                       {"mode", std::string("relu")},
                       {"kernel", std::vector<Expr>{1, 5}},
                       {"weights", 2.0}};
  const Attributes attrs = require(Attributes::evaluate(specs(), values, classes));
  BOOST_TEST(attrs.real("eps") == 1.0);
  BOOST_TEST(attrs.flag("bias"));
  BOOST_TEST(attrs.text("mode") == "relu");
  BOOST_TEST(attrs.integers("kernel") == (std::vector<std::int64_t>{1, 5}), boost::test_tools::per_element());
  BOOST_TEST(attrs.reals("weights") == (std::vector<double>{2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(integers_stay_symbolic) {
  const Attributes attrs = require(Attributes::evaluate(specs(), {{"channels", Expr::symbol("H")}}, classes));
  BOOST_TEST((attrs.dim("channels") == Dim::symbol("H")));
}

BOOST_AUTO_TEST_CASE(errors_say_what_is_wrong) {
  const Expr eight = 8;
  expect_error(error_of({}), "attribute \"channels\" is missing");
  expect_error(error_of({{"channels", eight}, {"kernal", 1}}), "did you mean \"kernel\"?");
  expect_error(error_of({{"channels", 0}}), "attribute \"channels\": must be in 1 to 4096, is 0");
  expect_error(error_of({{"channels", 2.5}}), "an integer is expected, 2.5 is 2.5");
  expect_error(error_of({{"channels", eight}, {"eps", -1.0}}),
               "attribute \"eps\": must be at least 0, is -1");
  expect_error(error_of({{"channels", eight}, {"bias", 2}}), "attribute \"bias\": must be in 0 to 1, is 2");
  expect_error(error_of({{"channels", eight}, {"mode", std::string("x")}}), "\"x\" is not one of none, relu");
  expect_error(error_of({{"channels", eight}, {"kernel", std::vector<Expr>{1}}}),
               "2 numbers are expected, got 1");
  expect_error(error_of({{"channels", Expr::symbol("K")}}),
               "attribute \"channels\": \"K\" is not defined here");
}

BOOST_AUTO_TEST_CASE(messages_show_any_number) {
  BOOST_TEST(number_text(16) == "16");
  BOOST_TEST(number_text(0.5) == "0.5");
  for (const double value : {1e300, std::numeric_limits<double>::infinity()})
    BOOST_TEST(number_text(value) == to_string(Expr(value)));
}

BOOST_AUTO_TEST_CASE(the_nearest_name_is_a_likely_one) {
  const std::vector<std::string_view> names{"kernel", "stride", "padding"};
  BOOST_TEST(nearest_name("kernal", names) == "kernel");
  BOOST_TEST(nearest_name("strid", names) == "stride");
  BOOST_TEST(nearest_name("stride", names) == "stride");
  BOOST_TEST(nearest_name("colour", names) == "");
  BOOST_TEST(nearest_name("", names) == "");
  BOOST_TEST(nearest_name("kernel", {}) == "");
}
