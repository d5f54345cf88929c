#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

// `out` holds parameters, means, squares, then the number of the step.
void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  const std::size_t count = (in.size() - 2) / 4;
  const std::vector<double>& multipliers = attrs.reals("lr_mult");
  const double beta1 = attrs.real("beta1"), beta2 = attrs.real("beta2");
  const double t = in.back().values[0] + 1;
  out.back().values[0] = t;
  for (std::size_t i = 0; i < count; ++i) {
    const double rate = in[0].values[0] * multipliers[multipliers.size() == 1 ? 0 : i];
    for (std::size_t k = 0; k < out[i].values.size(); ++k) {
      const double g = in[1 + count + i].values[k];
      double& p = out[i].values[k];
      double& m = out[count + i].values[k];
      double& v = out[2 * count + i].values[k];
      p *= 1 - rate * attrs.real("weight_decay");
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      const double mean = m / (1 - std::pow(beta1, t)), square = v / (1 - std::pow(beta2, t));
      p -= rate * mean / (std::sqrt(square) + attrs.real("eps"));
    }
  }
}

// Step `steps` + 1.
Case make_case(const std::vector<Shape>& shapes, double steps, AttrMap attrs) {
  Case test{.op = "adamw",
            .attrs = std::move(attrs),
            .inputs = {dense({}, uniform(0.1, 0.2))},
            .tolerance = 1e-6,
            .least_scale = 1};
  const int count = static_cast<int>(shapes.size());
  for (int kind = 0; kind < 4; ++kind) {
    for (int i = 0; i < count; ++i) {
      if (kind != 1) test.updated_inputs.push_back(1 + kind * count + i);
      // Of equal size, so that no quotient magnifies the rounding of its parts.
      const Values values = kind == 3 ? uniform(0.5, 1) : normal();
      test.inputs.push_back(dense(shapes[static_cast<std::size_t>(i)], values));
    }
  }
  test.updated_inputs.push_back(static_cast<int>(test.inputs.size()));
  test.inputs.push_back(dense({}, in_order({steps})));
  return test;
}

BOOST_AUTO_TEST_CASE(a_step_of_many_tensors) {
  const OpHarness harness;
  const std::vector<Shape> shapes{{7}, {64, 32, 3, 3}, {1}, {16}, {50000}, {3, 5}};
  harness.check(make_case(shapes, 0, {}), reference);
  harness.check(make_case(shapes, 1000, {{"weight_decay", 0.1}, {"beta1", 0.5}, {"beta2", 0.99}}), reference);
  harness.check(
      make_case(shapes, 3,
                {{"weight_decay", 0.2}, {"eps", 0.1}, {"lr_mult", std::vector<Expr>{1, 10, 1, 0.5, 10, 0}}}),
      reference);
}

// On a rank that has no parameter of a group its steps are counted all the same.
BOOST_AUTO_TEST_CASE(a_step_of_no_tensors_is_counted) {
  const OpHarness harness;
  harness.check(make_case({}, 4, {}), reference);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  const OpHarness harness;
  Case test = make_case({{3}, {4}}, 0, {{"lr_mult", std::vector<Expr>{1, 2, 3}}});
  BOOST_TEST(!harness.infer(test).ok());
  test = make_case({{3}, {4}}, 0, {});
  BOOST_TEST(harness.infer(test).ok());
  std::swap(test.inputs[3], test.inputs[4]);
  BOOST_TEST(!harness.infer(test).ok());
  test = make_case({{3}, {4}}, 0, {});
  test.inputs.back() = dense({1});
  BOOST_TEST(!harness.infer(test).ok());
  test.inputs.pop_back();
  BOOST_TEST(!harness.infer(test).ok());
}

}  // namespace
}  // namespace graphrun::test
