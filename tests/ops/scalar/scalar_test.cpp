#include <boost/test/unit_test.hpp>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

BOOST_AUTO_TEST_CASE(weighted_sum_of_losses) {
  const OpHarness harness;
  const Reference reference = [](const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                                 const Attributes& attrs) {
    out[0] = HostTensor::zeros({});
    for (std::size_t i = 0; i < in.size(); ++i)
      out[0].values[0] += attrs.reals("weights")[i] * in[i].values[0];
  };
  Case test{.op = "weighted_sum",
            .attrs = {{"weights", std::vector<Expr>{1.0, 0.4, -2}}},
            .inputs = {dense({}), dense({}), dense({})},
            .tolerance = 1e-6};
  harness.check(test, reference);
  harness.check_gradient(test, reference);
  test.attrs = {{"weights", Expr(3)}};
  BOOST_TEST(!harness.infer(test).ok());
  test.inputs.resize(1);
  harness.check(test, reference);
  harness.check_gradient(test, reference);
}

BOOST_AUTO_TEST_CASE(scale_of_any_tensor) {
  const OpHarness harness;
  const Reference reference = [](const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                                 const Attributes& attrs) {
    out[0] = in[0];
    for (double& value : out[0].values)
      value *= attrs.real("factor") / static_cast<double>(attrs.integer("divisor"));
  };
  for (const InputCase& x :
       {dense({}), dense({5, 4, 3}), activation({2, 16, 3, 5}), activation({2, 5, 70, 60}, normal(), 3)}) {
    const Case test{.op = "scale",
                    .attrs = {{"factor", -0.5}, {"divisor", 3}},
                    .inputs = {x},
                    .tolerance = 1e-6,
                    .output_gap = 2};
    harness.check(test, reference);
    harness.check_gradient(test, reference);
  }
}

BOOST_AUTO_TEST_CASE(fill_gives_its_value) {
  const OpHarness harness;
  harness.check({.op = "fill", .attrs = {{"value", 0.25}}},
                [](const std::vector<HostTensor>&, std::vector<HostTensor>& out, const Attributes&) {
                  out[0] = HostTensor::zeros({});
                  out[0].values[0] = 0.25;
                });
}

BOOST_AUTO_TEST_CASE(weighted_sum_of_many) {
  Case test{.op = "weighted_sum", .tolerance = 1e-6};
  std::vector<Expr> weights;
  for (int i = 0; i < 35; ++i) {
    weights.emplace_back(0.5 * i - 3);
    test.inputs.push_back(dense({}));
  }
  test.attrs = {{"weights", weights}};
  OpHarness().check(test, [](const auto& in, auto& out, const Attributes& attrs) {
    out[0] = HostTensor::zeros({});
    for (std::size_t i = 0; i < in.size(); ++i)
      out[0].values[0] += attrs.reals("weights")[i] * in[i].values[0];
  });
}

}  // namespace
}  // namespace graphrun::test
