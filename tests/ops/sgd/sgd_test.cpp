#include <boost/test/unit_test.hpp>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

// `out` holds parameters, then momenta.
void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  const std::size_t count = (in.size() - 1) / 3;
  const std::vector<double>& multipliers = attrs.reals("lr_mult");
  for (std::size_t i = 0; i < count; ++i) {
    const double rate = in[0].values[0] * multipliers[multipliers.size() == 1 ? 0 : i];
    for (std::size_t k = 0; k < out[i].values.size(); ++k) {
      const double g = in[1 + count + i].values[k] + attrs.real("weight_decay") * in[1 + i].values[k];
      out[count + i].values[k] = attrs.real("momentum") * in[1 + 2 * count + i].values[k] + g;
      out[i].values[k] -= rate * out[count + i].values[k];
    }
  }
}

Case make_case(const std::vector<Shape>& shapes, AttrMap attrs) {
  Case test{.op = "sgd",
            .attrs = std::move(attrs),
            .inputs = {dense({}, uniform(0.1, 0.2))},
            .tolerance = 1e-6,
            .least_scale = 1};
  const int count = static_cast<int>(shapes.size());
  for (int kind = 0; kind < 3; ++kind) {
    for (int i = 0; i < count; ++i) {
      if (kind != 1) test.updated_inputs.push_back(1 + kind * count + i);
      test.inputs.push_back(dense(shapes[static_cast<std::size_t>(i)]));
    }
  }
  return test;
}

BOOST_AUTO_TEST_CASE(a_step_of_many_tensors) {
  const OpHarness harness;
  const std::vector<Shape> shapes{{7}, {64, 32, 3, 3}, {1}, {16}, {50000}, {3, 5}};
  harness.check(make_case(shapes, {{"momentum", 0.9}, {"weight_decay", 1e-4}}), reference);
  harness.check(make_case(shapes, {{"momentum", 0.5},
                                   {"weight_decay", 0.1},
                                   {"lr_mult", std::vector<Expr>{1, 10, 1, 0.5, 10, 0}}}),
                reference);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  const OpHarness harness;
  Case test = make_case({{3}, {4}}, {{"lr_mult", std::vector<Expr>{1, 2, 3}}});
  BOOST_TEST(!harness.infer(test).ok());
  test = make_case({{3}, {4}}, {});
  std::swap(test.inputs[3], test.inputs[4]);
  BOOST_TEST(!harness.infer(test).ok());
  test.inputs.pop_back();
  BOOST_TEST(!harness.infer(test).ok());
}

}  // namespace
}  // namespace graphrun::test
