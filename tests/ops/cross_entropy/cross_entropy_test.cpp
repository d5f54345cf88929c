#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

struct Expected {
  HostTensor totals, confusion;
};

Expected expect(const HostTensor& logits, const HostTensor& label, double ignore) {
  const std::int64_t classes = logits.shape[1];
  Expected result{HostTensor::zeros({2}), HostTensor::zeros({classes, classes})};
  std::size_t pixel = 0;
  for (std::int64_t n = 0; n < logits.shape[0]; ++n)
    for (std::int64_t y = 0; y < logits.shape[2]; ++y)
      for (std::int64_t x = 0; x < logits.shape[3]; ++x) {
        const double wanted = label.values[pixel++];
        if (wanted == ignore) continue;
        const auto target = static_cast<std::int64_t>(wanted);
        std::int64_t best = 0;
        for (std::int64_t c = 1; c < classes; ++c)
          if (logits.at(n, c, y, x) > logits.at(n, best, y, x)) best = c;
        const double max = logits.at(n, best, y, x);
        double sum = 0;
        for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(logits.at(n, c, y, x) - max);
        result.totals.values[0] += std::log(sum) - (logits.at(n, target, y, x) - max);
        result.totals.values[1] += 1;
        result.confusion.values[static_cast<std::size_t>(target * classes + best)] += 1;
      }
  return result;
}

double ignore_of(const Attributes& attrs) { return static_cast<double>(attrs.integer("ignore_label")); }

void totals_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                      const Attributes& attrs) {
  const Expected expected = expect(in[0], in[1], ignore_of(attrs));
  out[0] = expected.totals;
  out[1] = expected.confusion;
}

void loss_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                    const Attributes& attrs) {
  const Expected expected = expect(in[0], in[1], ignore_of(attrs));
  const double count = expected.totals.values[1];
  out[0] = HostTensor::zeros({});
  out[0].values[0] = count > 0 ? expected.totals.values[0] / count : 0;
  out[1] = expected.totals;
  out[2] = expected.confusion;
}

Case make(const char* op, const Shape& shape, double share, Values logits = normal(0, 3),
          std::int64_t gap = 3) {
  return {.op = op,
          .inputs = {activation(shape, std::move(logits), gap),
                     dense({shape[0], shape[2], shape[3]},
                           integers(static_cast<std::uint32_t>(shape[1]), share), DType::i32)},
          .tolerance = 1e-6};
}

BOOST_AUTO_TEST_CASE(totals) {
  const OpHarness harness;
  harness.check(make("cross_entropy_totals", {2, 150, 5, 7}, 0.2), totals_reference);
  harness.check(make("cross_entropy_totals", {1, 3, 9, 11}, 0, integers(3)), totals_reference);
  harness.check(make("cross_entropy_totals", {1, 5, 4, 4}, 1), totals_reference);
  Case unwanted = make("cross_entropy_totals", {2, 19, 5, 7}, 0.2);
  unwanted.unwanted = {1};
  harness.check(unwanted, totals_reference);
  Case negative = make("cross_entropy_totals", {1, 19, 5, 7}, 0);
  negative.attrs = {{"ignore_label", Expr(-100)}};
  negative.inputs[1].values = integers(19, 0.3, -100);
  harness.check(negative, totals_reference);
}

BOOST_AUTO_TEST_CASE(loss_in_both_methods) {
  const OpHarness harness;
  for (const double share : {0.3, 1.0}) {
    harness.check_form(make("cross_entropy", {2, 11, 5, 7}, share), Form::eval, loss_reference);
    harness.check_form(make("cross_entropy", {2, 11, 5, 7}, share), Form::train, loss_reference);
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  const OpHarness harness;
  harness.check_gradient(make("cross_entropy", {2, 11, 3, 5}, 0.3), loss_reference);
  harness.check_gradient(make("cross_entropy", {1, 4, 3, 3}, 0), loss_reference);
}

BOOST_AUTO_TEST_CASE(gradient_kernel) {
  Case test = make("cross_entropy_grad", {2, 21, 5, 7}, 0.3);
  test.inputs.insert(test.inputs.begin(), dense({2}, in_order({0.25, 0}), DType::f64));
  test.output_gap = 2;
  OpHarness().check(test, [](const auto& in, auto& out, const Attributes&) {
    const HostTensor& x = in[1];
    out[0] = HostTensor::zeros(x.shape);
    std::size_t pixel = 0;
    for (std::int64_t n = 0; n < x.shape[0]; ++n)
      for (std::int64_t y = 0; y < x.shape[2]; ++y)
        for (std::int64_t w = 0; w < x.shape[3]; ++w) {
          const double label = in[2].values[pixel++];
          double sum = 0;
          for (std::int64_t c = 0; c < x.shape[1]; ++c) sum += std::exp(x.at(n, c, y, w));
          for (std::int64_t c = 0; label != 255 && c < x.shape[1]; ++c)
            out[0].at(n, c, y, w) =
                0.25 * (std::exp(x.at(n, c, y, w)) / sum - (label == static_cast<double>(c) ? 1 : 0));
        }
  });
}

BOOST_AUTO_TEST_CASE(means) {
  const OpHarness harness;
  for (const std::vector<double>& totals : {std::vector<double>{6, 4}, {0, 0}}) {
    harness.check({.op = "mean_loss", .inputs = {dense({2}, in_order(totals), DType::f64)}},
                  [](const auto& in, auto& out, const Attributes&) {
                    out[0] = HostTensor::zeros({});
                    out[0].values[0] = in[0].values[1] > 0 ? in[0].values[0] / in[0].values[1] : 0;
                  });
    harness.check({.op = "mean_loss_grad", .inputs = {dense({}), dense({2}, in_order(totals), DType::f64)}},
                  [](const auto& in, auto& out, const Attributes&) {
                    out[0] = HostTensor::zeros({2});
                    if (in[1].values[1] > 0) out[0].values[0] = in[0].values[0] / in[1].values[1];
                  });
  }
}

BOOST_AUTO_TEST_CASE(a_label_that_is_no_class_is_an_error_with_its_place) {
  const OpHarness harness;
  Case test = make("cross_entropy_totals", {2, 5, 3, 4}, 0);
  std::vector<double> labels(24, 1);
  labels[12 + 6] = 5;
  labels[12 + 7] = -1;
  test.inputs[1].values = in_order(labels);
  const auto totals = harness.run(test);
  BOOST_REQUIRE(!totals.ok());
  BOOST_TEST(totals.status().message() ==
             "label 5 of image 1 at pixel (y 1, x 2): expected a class, 0 to 4, or the ignored label 255");
  test.op = "cross_entropy_grad";
  test.inputs.insert(test.inputs.begin(), dense({2}, in_order({1, 0}), DType::f64));
  BOOST_TEST(!harness.run(test).ok());
}

BOOST_AUTO_TEST_CASE(labels_that_do_not_fit_the_logits_are_errors) {
  const OpHarness harness;
  const auto refused = [&](InputCase label) {
    return !harness.infer({.op = "cross_entropy", .inputs = {activation({2, 5, 3, 4}), std::move(label)}})
                .ok();
  };
  BOOST_TEST(refused(dense({2, 3, 5}, integers(5), DType::i32)));
  BOOST_TEST(refused(dense({1, 3, 4}, integers(5), DType::i32)));
  BOOST_TEST(refused(dense({2, 3, 4})));
  BOOST_TEST(!refused(dense({2, 3, 4}, integers(5), DType::i32)));
}

}  // namespace
}  // namespace graphrun::test
