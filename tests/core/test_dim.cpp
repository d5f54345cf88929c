#include <boost/test/unit_test.hpp>
#include <limits>

#include "graphrun/kernel/dim.h"
#include "graphrun/kernel/expr.h"

using graphrun::Dim;

namespace {

const Dim kH = Dim::symbol("H");
const Dim kW = Dim::symbol("W");

Dim::Lookup at(std::int64_t h) {
  return [h](std::string_view symbol) -> std::optional<std::int64_t> {
    if (symbol == "H") return h;
    return std::nullopt;
  };
}

// Extent of a convolution: kernel 3, padding 1, stride 2.
Dim halved(const Dim& x) { return floor_div(x + 2 - 3, 2) + 1; }

}  // namespace

BOOST_AUTO_TEST_CASE(equal_expressions_are_equal) {
  BOOST_TEST((halved(kH) == floor_div(kH - 1, 2) + 1));
  BOOST_TEST((kH + kW == kW + kH));
  BOOST_TEST((kH * kW - kW * kH == Dim(0)));
  BOOST_TEST(((kH + 1) * (kH - 1) == kH * kH - 1));
  BOOST_TEST((kH + kH == 2 * kH));
  BOOST_TEST((floor_div(kH * 6, 3) == floor_div(2 * (3 * kH), 3)));
  BOOST_TEST((floor_div(floor_div(kH, 2), 4) == floor_div(kH, 8)));
  BOOST_TEST((min(kH, kH) == kH));
  BOOST_TEST((max(kH, kH) == kH));
}

BOOST_AUTO_TEST_CASE(different_expressions_differ) {
  BOOST_TEST((!(kH == kW)));
  BOOST_TEST((!(kH == kH + 1)));
  BOOST_TEST((!(kH == 2 * kH)));
  BOOST_TEST((!(floor_div(kH, 2) == floor_div(kH - 1, 2))));
  BOOST_TEST((!(min(kH, 8) == max(kH, 8))));
  BOOST_TEST((!(kH == Dim(7))));
}

BOOST_AUTO_TEST_CASE(constants_are_computed) {
  BOOST_TEST((floor_div(Dim(-1), 2) == Dim(-1)));
  BOOST_TEST((remainder(Dim(-1), 8) == Dim(7)));
  BOOST_TEST((min(Dim(3), 5) == Dim(3)));
  BOOST_TEST((max(Dim(3), 5) == Dim(5)));
  BOOST_TEST((kH - kH).is_constant());
}

BOOST_AUTO_TEST_CASE(evaluation_gives_the_number) {
  for (const std::int64_t h : {1, 2, 7, 8, 9, 479, 480}) {
    BOOST_TEST(halved(kH).evaluate(at(h)).value() == (h - 1) / 2 + 1);
    BOOST_TEST(remainder(kH - 1, 8).evaluate(at(h)).value() == (h - 1) % 8);
    BOOST_TEST(((kH + 1) * (kH - 3)).evaluate(at(h)).value() == (h + 1) * (h - 3));
    BOOST_TEST(min(kH, 8).evaluate(at(h)).value() == std::min<std::int64_t>(h, 8));
  }
  BOOST_TEST((!kW.evaluate(at(1)).has_value()));
  BOOST_TEST((!floor_div(1, kH).evaluate(at(0)).has_value()));
  BOOST_TEST((!(kH * kH).evaluate(at(std::int64_t{1} << 40)).has_value()));
}

BOOST_AUTO_TEST_CASE(symbols_can_be_replaced) {
  const auto by_nine = [](std::string_view symbol) -> std::optional<Dim> {
    if (symbol == "H") return Dim(9);
    return std::nullopt;
  };
  BOOST_TEST((halved(kH).substitute(by_nine) == Dim(5)));
  BOOST_TEST((halved(kW).substitute(by_nine) == halved(kW)));
  const auto by_width = [](std::string_view) { return std::optional<Dim>(kW); };
  BOOST_TEST((halved(kH).substitute(by_width) == halved(kW)));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_computed_stays_invalid) {
  const Dim large = std::numeric_limits<std::int64_t>::max();
  for (const Dim& bad :
       {large + 1, large * 2, Dim(std::numeric_limits<std::int64_t>::min()) - 1, large * kH + large * kH,
        floor_div(Dim(1), 0), remainder(Dim(1), 0), Dim::invalid()}) {
    BOOST_TEST(!bad.valid());
    BOOST_TEST(!(bad + 1).valid());
    BOOST_TEST(!(kH * bad).valid());
    BOOST_TEST(!floor_div(kH, bad).valid());
    BOOST_TEST(!min(bad, 0).valid());
    BOOST_TEST((!(bad == bad)));
    BOOST_TEST((!bad.evaluate(at(1)).has_value()));
    BOOST_TEST(to_string(bad) == "?");
  }
}

BOOST_AUTO_TEST_CASE(nesting_and_size_are_limited) {
  Dim deep = kH;
  for (int i = 0; i < 2 * graphrun::kMaxDimDepth; ++i) deep = floor_div(deep + 1, 3);
  BOOST_TEST(!deep.valid());
  // Each round squares the number of terms, and names the result by its text.
  Dim wide = kH;
  for (int i = 0; i < 20; ++i) {
    for (int power = 0; power < 3; ++power) wide = (wide + kW + 1) * (wide + kH);
    wide = floor_div(wide, 7);
  }
  BOOST_TEST(!wide.valid());
}

BOOST_AUTO_TEST_CASE(text_is_readable) {
  BOOST_TEST(to_string(kH) == "H");
  BOOST_TEST(to_string(Dim(-3)) == "-3");
  BOOST_TEST(to_string(2 * kH - 3) == "2*H - 3");
  BOOST_TEST(to_string(kH - kW) == "H - W");
  BOOST_TEST(to_string(Dim(1) - kH) == "-H + 1");
  BOOST_TEST(to_string(min(kH, 8)) == "min(H, 8)");
}

BOOST_AUTO_TEST_CASE(a_dim_becomes_an_expression_and_comes_back) {
  const auto symbols = [](std::string_view name) -> std::optional<graphrun::Number> {
    return Dim::symbol(name);
  };
  for (const Dim& dim :
       {Dim(0), Dim(-5), kH, halved(halved(kH)), 3 * kH * kW - kH + 2, Dim(1) - kH - 2 * kW,
        min(kH, 8) + max(kW, remainder(kH - 1, 8)), Dim(std::numeric_limits<std::int64_t>::min()) + kH}) {
    const auto back = evaluate_dim(to_expr(dim), symbols);
    BOOST_REQUIRE(back.ok());
    BOOST_TEST((*back == dim));
  }
  BOOST_TEST(!evaluate_dim(to_expr(Dim::invalid()), symbols).ok());
}
