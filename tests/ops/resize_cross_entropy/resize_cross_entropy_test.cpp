#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/harness.h"
#include "tests/ops/labelled_pixels.h"
#include "tests/ops/test_backend.h"

namespace graphrun::test {
namespace {

// 1 where the input `i` of weights is absent.
double weight_of(const std::vector<HostTensor>& in, std::size_t i, std::int64_t label) {
  return i < in.size() && in[i].present ? in[i].values[static_cast<std::size_t>(label)] : 1;
}

void totals_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                      const Attributes& attrs) {
  const std::int64_t classes = in[0].shape[1];
  out[0] = HostTensor::zeros({2});
  out[1] = HostTensor::zeros({classes, classes});
  each_pixel(attrs, in[0], in[1],
             [&](const Place& place, std::int64_t label, const std::vector<double>& v, const Mixture&,
                 const Mixture&) {
               std::size_t best = 0;
               for (std::size_t c = 1; c < v.size(); ++c)
                 if (v[c] > v[best]) best = c;
               out[1].values[static_cast<std::size_t>(label * classes) + best] += 1;
               if (in.size() > 3 && in[3].present && in[3].values[place.pixel] == 255) return;
               const double weight = weight_of(in, 2, label);
               const auto nll = [&](std::int64_t c) {
                 return std::log(exp_sum(v)) - v[static_cast<std::size_t>(c)];
               };
               const double share = attrs.real("label_smoothing");
               const double focus = std::pow(1 - std::exp(-nll(label)), attrs.real("focus"));
               out[0].values[0] += (1 - share) * weight * focus * nll(label);
               for (std::int64_t c = 0; c < classes; ++c)
                 out[0].values[0] += share / static_cast<double>(classes) * weight_of(in, 2, c) * nll(c);
               out[0].values[1] += weight;
             });
}

void probability_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                           const Attributes& attrs) {
  out[0] = HostTensor::zeros(in[1].shape);
  for (double& value : out[0].values) value = 1;
  each_pixel(attrs, in[0], in[1],
             [&](const Place& place, std::int64_t label, const std::vector<double>& v, const Mixture&,
                 const Mixture&) {
               out[0].values[place.pixel] = std::exp(v[static_cast<std::size_t>(label)]) / exp_sum(v);
             });
}

void grad_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                    const Attributes& attrs) {
  out[0] = HostTensor::zeros(in[1].shape);
  each_pixel(attrs, in[1], in[2],
             [&](const Place& place, std::int64_t label, const std::vector<double>& v, const Mixture& row,
                 const Mixture& column) {
               const std::int64_t n = place.n;
               const double sum = exp_sum(v);
               const double scale = in[0].values[0] * weight_of(in, 3, label);
               for (std::int64_t c = 0; c < in[1].shape[1]; ++c) {
                 const double g =
                     scale * (std::exp(v[static_cast<std::size_t>(c)]) / sum - (c == label ? 1 : 0));
                 out[0].at(n, c, row.first, column.first) += (1 - row.weight) * (1 - column.weight) * g;
                 out[0].at(n, c, row.first, column.second) += (1 - row.weight) * column.weight * g;
                 out[0].at(n, c, row.second, column.first) += row.weight * (1 - column.weight) * g;
                 out[0].at(n, c, row.second, column.second) += row.weight * column.weight * g;
               }
             });
}

Case totals_case(const Shape& logits, std::int64_t h, std::int64_t w, double share, std::int64_t gap = 3) {
  return {.op = "resize_cross_entropy_totals",
          .inputs = {activation(logits, normal(0, 3), gap),
                     dense({logits[0], h, w}, integers(static_cast<std::uint32_t>(logits[1]), share),
                           DType::i32)},
          .tolerance = 2e-6};
}

Case grad_case(const Shape& logits, std::int64_t h, std::int64_t w, double share) {
  Case test = totals_case(logits, h, w, share);
  test.op = "resize_cross_entropy_grad";
  test.inputs.insert(test.inputs.begin(), dense({2}, in_order({0.25, 0}), DType::f64));
  test.tolerance = 1e-5;
  test.output_gap = 5;
  return test;
}

// The kernels and the parts against one reference, hence against each other.
BOOST_AUTO_TEST_CASE(kernels_and_parts_give_the_same_numbers) {
  const OpHarness harness;
  struct Sizes {
    Shape logits;
    std::int64_t h, w;
    double share;
  };
  for (const Sizes& sizes :
       {Sizes{{2, 150, 5, 6}, 33, 41, 0.2}, Sizes{{1, 19, 7, 4}, 49, 25, 0}, Sizes{{2, 3, 9, 13}, 9, 13, 0.5},
        Sizes{{2, 16, 9, 13}, 4, 5, 0.1}, Sizes{{1, 17, 1, 7}, 6, 20, 0.1}, Sizes{{1, 5, 6, 1}, 17, 3, 0.1},
        Sizes{{2, 5, 1, 1}, 7, 6, 0.1}, Sizes{{2, 5, 4, 6}, 1, 1, 0}, Sizes{{1, 4, 3, 3}, 9, 9, 1},
        Sizes{{1, 1, 3, 3}, 9, 9, 0}, Sizes{{1, 171, 4, 5}, 29, 37, 0.1}, Sizes{{1, 300, 3, 4}, 9, 13, 0.1},
        Sizes{{1, 9, 31, 61}, 4, 11, 0.1}}) {
    for (const AttrMap& rule : interpolation_rules()) {
      Case totals = totals_case(sizes.logits, sizes.h, sizes.w, sizes.share);
      totals.attrs.insert(rule.begin(), rule.end());
      harness.check(totals, totals_reference);
      harness.check_parts(totals, totals_reference);
      Case probability = totals;
      probability.op = "resize_label_probability";
      harness.check(probability, probability_reference);
      harness.check_parts(probability, probability_reference);
      Case grad = grad_case(sizes.logits, sizes.h, sizes.w, sizes.share);
      grad.attrs.insert(rule.begin(), rule.end());
      if (sizes.logits[1] == 1) continue;  // the gradient is 0 but for rounding
      harness.check(grad, grad_reference);
      harness.check_parts(grad, grad_reference);
    }
  }
}

BOOST_AUTO_TEST_CASE(weights_of_classes_and_pixels_left_out) {
  const OpHarness harness;
  Case totals = totals_case({2, 19, 5, 6}, 23, 31, 0.2);
  std::vector<double> all;
  std::vector<double> some;
  core::Random random(3, core::RandomPurpose::test);
  for (int i = 0; i < 2 * 23 * 31; ++i) {
    all.push_back(random.next_bool(0.2) ? 255 : random.next_below(19));
    some.push_back(random.next_bool(0.5) ? 255 : all.back());
  }
  totals.inputs[1].values = in_order(all);
  totals.inputs.push_back(dense({19}, uniform(0, 4)));
  totals.inputs.push_back(dense({2, 23, 31}, in_order(some), DType::i32));
  harness.check(totals, totals_reference);
  harness.check_parts(totals, totals_reference);
  harness.check_gradient(totals, totals_reference, {.inputs = {0}});
  Case grad = grad_case({2, 19, 5, 6}, 23, 31, 0.2);
  grad.inputs.push_back(dense({19}, uniform(0, 4)));
  harness.check(grad, grad_reference);
  harness.check_parts(grad, grad_reference);
}

BOOST_AUTO_TEST_CASE(label_smoothing_and_focus) {
  const OpHarness harness;
  // Weights of interpolation that both arithmetics hold exactly: in bf16 pixels between two logits are equal
  // for two classes, and roundings would choose the prediction.
  Case totals = totals_case({2, 19, 5, 6}, 17, 21, 0.2);
  totals.inputs.push_back(dense({19}, uniform(0.1, 4)));
  for (const AttrMap& rule :
       {AttrMap{{"label_smoothing", 0.2}}, AttrMap{{"focus", 2.0}}, AttrMap{{"focus", 0.5}}}) {
    totals.attrs = rule;
    harness.check(totals, totals_reference);
    harness.check_parts(totals, totals_reference);
    harness.check_gradient(totals, totals_reference, {.inputs = {0}});
  }
}

BOOST_AUTO_TEST_CASE(rows_without_labels_count_nothing) {
  Case totals = totals_case({1, 7, 3, 4}, 9, 10, 0);
  std::vector<double> labels(90, 255);
  for (std::size_t i = 40; i < 50; ++i) labels[i] = 3;
  totals.inputs[1].values = in_order(labels);
  OpHarness().check(totals, totals_reference);
  Case grad = grad_case({1, 7, 3, 4}, 9, 10, 0);
  grad.inputs[2].values = in_order(labels);
  OpHarness().check(grad, grad_reference);
}

BOOST_AUTO_TEST_CASE(the_first_of_equal_classes_is_the_prediction) {
  Case totals = totals_case({2, 21, 3, 4}, 3, 4, 0);
  totals.inputs[0].values = integers(3);
  OpHarness().check(totals, totals_reference);
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const AttrMap& rule : interpolation_rules()) {
    Case totals = totals_case({2, 6, 3, 4}, 10, 11, 0.2);
    totals.attrs = rule;
    OpHarness().check_gradient(totals, totals_reference, {.inputs = {0}});
  }
}

BOOST_AUTO_TEST_CASE(a_label_that_is_no_class_is_an_error_with_its_place) {
  const OpHarness harness;
  Case totals = totals_case({1, 5, 2, 2}, 3, 4, 0);
  totals.inputs[1].values = in_order({0, 1, 2, 3, 4, 255, 0, 150, 0, 0, 0, 0});
  const auto result = harness.run(totals);
  BOOST_REQUIRE(!result.ok());
  const std::string& message = result.status().message();
  if (on_gpu()) {
    BOOST_TEST(message.starts_with("label 150 of pixel 7 is no class: expected 0 to 4"), message);
  } else {
    BOOST_TEST(
        message ==
        "label 150 of image 0 at pixel (y 1, x 3): expected a class, 0 to 4, or the ignored label 255");
  }
  Case grad = grad_case({1, 5, 2, 2}, 3, 4, 0);
  grad.inputs[2].values = totals.inputs[1].values;
  BOOST_TEST(!harness.run(grad).ok());
}

}  // namespace
}  // namespace graphrun::test
