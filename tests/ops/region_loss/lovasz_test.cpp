#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>

#include "ops/region_loss/bins.h"
#include "tests/ops/label_sums.h"
#include "tests/ops/labelled_pixels.h"

// Lovasz-Softmax, whose definition sorts errors.
namespace graphrun::test {
namespace {

using ops::region_loss::error_bin;
using ops::region_loss::kErrorBins;

struct Error {
  double size;
  bool hit;  // a pixel of the class
};

// By class.
std::vector<std::vector<Error>> errors_of(const Attributes& attrs, const HostTensor& logits,
                                          const HostTensor& label) {
  std::vector<std::vector<Error>> errors(static_cast<std::size_t>(logits.shape[1]));
  each_pixel(
      attrs, logits, label,
      [&](const Place&, std::int64_t at, const std::vector<double>& v, const Mixture&, const Mixture&) {
        const std::vector<double> p = softmax(v);
        for (std::size_t c = 0; c < p.size(); ++c) {
          const bool hit = static_cast<std::int64_t>(c) == at;
          errors[c].push_back({hit ? 1 - p[c] : p[c], hit});
        }
      });
  return errors;
}

// Sorted errors, each times the rise of the Jaccard loss when it joins those before it.
double extension(std::vector<Error> errors) {
  std::ranges::sort(errors, std::ranges::greater(), &Error::size);
  const auto labelled = static_cast<double>(std::ranges::count_if(errors, &Error::hit));
  double loss = 0;
  double before = 0;
  double hits = 0;
  double misses = 0;
  for (const Error& error : errors) {
    (error.hit ? hits : misses) += 1;
    const double jaccard = 1 - (labelled - hits) / (labelled + misses);
    loss += error.size * (jaccard - before);
    before = jaccard;
  }
  return loss;
}

Reference whole(const std::vector<double>& weights) {
  return [=](const auto& in, auto& out, const Attributes& attrs) {
    double sum = 0;
    double all = 0;
    const auto errors = errors_of(attrs, in[0], in[1]);
    for (std::size_t c = 0; c < errors.size(); ++c) {
      if (!std::ranges::any_of(errors[c], &Error::hit)) continue;
      const double weight = weights.empty() ? 1 : weights[c];
      sum += weight * extension(errors[c]);
      all += weight;
    }
    out[0] = HostTensor::zeros({});
    out[0].values[0] = all > 0 ? sum / all : 0;
    out[1].present = false;
  };
}

void totals_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                      const Attributes& attrs) {
  const std::int64_t classes = in[0].shape[1];
  out[0] = HostTensor::zeros({4, classes, kErrorBins});
  out[1].present = false;
  const auto errors = errors_of(attrs, in[0], in[1]);
  for (std::int64_t c = 0; c < classes; ++c)
    for (const Error& error : errors[static_cast<std::size_t>(c)]) {
      const auto cell = [&](int sum) -> double& {
        const std::int64_t bin = error_bin(static_cast<float>(error.size));
        return out[0].values[static_cast<std::size_t>((sum * classes + c) * kErrorBins + bin)];
      };
      cell(error.hit ? 0 : 1) += 1;
      cell(error.hit ? 2 : 3) += error.size;
    }
}

void grad_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                    const Attributes& attrs) {
  out[0] = HostTensor::zeros(in[1].shape);
  const std::int64_t classes = in[1].shape[1];
  each_pixel(
      attrs, in[1], in[2],
      [&](const Place& place, std::int64_t label, const std::vector<double>& v, const Mixture& row,
          const Mixture& column) {
        const std::vector<double> p = softmax(v);
        std::vector<double> by_p;
        double mean = 0;
        for (std::int64_t c = 0; c < classes; ++c) {
          const double at = p[static_cast<std::size_t>(c)];
          const int bin = error_bin(static_cast<float>(c == label ? 1 - at : at));
          const double g =
              in[0].values[static_cast<std::size_t>(((c == label ? 2 : 3) * classes + c) * kErrorBins + bin)];
          by_p.push_back(c == label ? -g : g);
          mean += at * by_p.back();
        }
        std::vector<double> g;
        for (std::size_t c = 0; c < p.size(); ++c) g.push_back(p[c] * (by_p[c] - mean));
        add_to_sources(place, g, row, column, out[0]);
      });
}

// A gradient that grows with the bin: an error on the wrong side of a bin's end changes little.
Case make_grad(Case test, const char* op) {
  test.op = op;
  const std::int64_t classes = test.inputs[0].desc.c();
  test.inputs.insert(
      test.inputs.begin(),
      dense(
          {4, classes, kErrorBins},
          [i = 0](core::Random&) mutable { return 1 + i++ % kErrorBins / double{kErrorBins}; }, DType::f64));
  test.tolerance = 1e-3;
  test.output_gap = 5;
  return test;
}

BOOST_AUTO_TEST_CASE(bins_are_ordered_and_narrow) {
  BOOST_TEST(error_bin(0) == 0);
  BOOST_TEST(error_bin(1) == kErrorBins - 1);
  BOOST_TEST(error_bin(1.0F / 65536) == 1);
  int before = 0;
  for (float error = 1e-5F; error < 1; error *= 1.001F) {
    const int bin = error_bin(error);
    BOOST_TEST((bin >= before && bin <= before + 1));
    if (bin > 0 && bin < kErrorBins - 1) BOOST_TEST(error_bin(error * (1 + 1.1F / 256)) > bin);
    before = bin;
  }
}

BOOST_AUTO_TEST_CASE(errors_are_counted) {
  const OpHarness harness;
  harness.check(labelled_case("lovasz_totals", {1, 3, 4, 5}, 4, 5, 0.2), totals_reference);
  harness.check(labelled_case("lovasz_totals", {1, 3, 2, 2}, 2, 2, 1), totals_reference);
  harness.check(make_grad(labelled_case("lovasz_totals", {2, 6, 5, 4}, 5, 4, 0.2), "lovasz_grad"),
                grad_reference);
  check_resized_sums(
      labelled_case("resize_lovasz_totals", {1, 3, 3, 4}, 7, 9, 0.2), totals_reference,
      [](const Case& totals) { return make_grad(totals, "resize_lovasz_grad"); }, grad_reference);
}

BOOST_AUTO_TEST_CASE(loss_of_sorted_errors) {
  const OpHarness harness;
  Case test = labelled_case("lovasz_softmax", {1, 4, 3, 5}, 3, 5, 0.2);
  test.tolerance = 1e-5;
  harness.check_variant(test, Form::eval, whole({}));
  harness.check_variant(test, Form::train, whole({}));
  harness.check_gradient(test, whole({}), {.inputs = {0}, .step = 1e-6});
  const std::vector<double> weights{0.5, 0, 2, 1};
  test.model_inputs["class_weights"] = dense({4}, in_order(weights));
  harness.check_variant(test, Form::train, whole(weights));
  harness.check_gradient(test, whole(weights), {.inputs = {0}, .step = 1e-6});
  Case large = labelled_case("lovasz_softmax", {2, 11, 60, 50}, 60, 50, 0.1);
  large.tolerance = 1e-5;  // many errors in each bin
  harness.check_variant(large, Form::train, whole({}));
  large.inputs[0].values = normal(0, 0.02);  // as at the start of a training: all about 1/C
  harness.check_variant(large, Form::train, whole({}));
}

BOOST_AUTO_TEST_CASE(classes_that_no_pixel_has) {
  const OpHarness harness;
  Case test = labelled_case("lovasz_softmax", {1, 4, 3, 4}, 3, 4, 0);
  test.tolerance = 1e-5;
  for (const std::vector<double>& labels : {std::vector<double>{1, 3, 255}, {255}}) {
    test.inputs[1].values = in_order(labels);
    harness.check_variant(test, Form::train, whole({}));
    harness.check_gradient(test, whole({}), {.inputs = {0}, .step = 1e-6});
  }
}

// Totals of a class with 3 pixels, and of one without: errors of a bin share what their order would give
// them.
BOOST_AUTO_TEST_CASE(function_of_the_counts) {
  const OpHarness harness;
  std::vector<double> totals(4 * 2 * kErrorBins, 0);
  const auto set = [&](int sum, int c, int bin, double value) {
    totals[static_cast<std::size_t>((sum * 2 + c) * kErrorBins + bin)] = value;
  };
  set(0, 0, 4000, 1), set(2, 0, 4000, 0.9);
  set(1, 0, 3500, 1), set(3, 0, 3500, 0.5);
  set(0, 0, 3000, 2), set(2, 0, 3000, 0.4);
  set(1, 1, 3000, 4), set(3, 1, 3000, 0.8);
  // Jaccard losses: 1/3 after the first, 1/2 after the miss, 1 after the others.
  const double expected = 0.9 / 3 + 0.5 * (0.5 - 1.0 / 3) + 0.2 * 0.5;
  const Case test{.op = "lovasz_loss",
                  .inputs = {dense({4, 2, kErrorBins}, in_order(totals), DType::f64), absent()},
                  .tolerance = 1e-6};
  harness.check(test, [&](const auto&, auto& out, const Attributes&) {
    out[0] = HostTensor::zeros({});
    out[0].values[0] = expected;
  });
  const Case grad{
      .op = "lovasz_loss_grad",
      .inputs = {dense({}, in_order({2})), dense({4, 2, kErrorBins}, in_order(totals), DType::f64),
                 dense({2}, in_order({3, 1}))},
      .tolerance = 1e-6};
  harness.check(grad, [&](const auto&, auto& out, const Attributes&) {
    out[0] = HostTensor::zeros({4, 2, kErrorBins});
    double below = 3;
    double above = 3;
    for (int bin = kErrorBins - 1; bin >= 0; --bin) {
      const double hits = bin == 4000 ? 1 : bin == 3000 ? 2 : 0;
      const double misses = bin == 3500 ? 1 : 0;
      const auto at = [&](int sum) -> double& {
        return out[0].values[static_cast<std::size_t>(sum * 2 * kErrorBins + bin)];
      };
      at(2) = 2 * (1 / above + 1 / (above + misses)) / 2;
      at(3) = 2 * (below + below - hits) / (2 * above * (above + misses));
      below -= hits;
      above += misses;
    }
  });
}

}  // namespace
}  // namespace graphrun::test
