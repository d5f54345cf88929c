#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/label_sums.h"
#include "tests/ops/labelled_pixels.h"

// Dice and Tversky losses.
namespace graphrun::test {
namespace {

// TP, TP + FP, TP + FN of each class; the confusion matrix.
void totals_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                      const Attributes& attrs) {
  const std::int64_t classes = in[0].shape[1];
  out[0] = HostTensor::zeros({3, classes});
  out[1] = HostTensor::zeros({classes, classes});
  each_pixel(
      attrs, in[0], in[1],
      [&](const Place&, std::int64_t label, const std::vector<double>& v, const Mixture&, const Mixture&) {
        const std::vector<double> p = softmax(v);
        const auto at = static_cast<std::size_t>(label);
        out[0].values[at] += p[at];
        out[0].values[static_cast<std::size_t>(2 * classes) + at] += 1;
        std::size_t best = 0;
        for (std::size_t c = 0; c < p.size(); ++c) {
          out[0].values[static_cast<std::size_t>(classes) + c] += p[c];
          if (v[c] > v[best]) best = c;
        }
        out[1].values[at * static_cast<std::size_t>(classes) + best] += 1;
      });
}

void grad_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                    const Attributes& attrs) {
  out[0] = HostTensor::zeros(in[1].shape);
  const auto classes = static_cast<std::size_t>(in[1].shape[1]);
  each_pixel(attrs, in[1], in[2],
             [&](const Place& place, std::int64_t label, const std::vector<double>& v, const Mixture& row,
                 const Mixture& column) {
               const std::vector<double> p = softmax(v);
               std::vector<double> by_p(in[0].values.begin() + static_cast<std::ptrdiff_t>(classes),
                                        in[0].values.begin() + static_cast<std::ptrdiff_t>(2 * classes));
               by_p[static_cast<std::size_t>(label)] += in[0].values[static_cast<std::size_t>(label)];
               double mean = 0;
               for (std::size_t c = 0; c < classes; ++c) mean += p[c] * by_p[c];
               std::vector<double> g;
               for (std::size_t c = 0; c < classes; ++c) g.push_back(p[c] * (by_p[c] - mean));
               add_to_sources(place, g, row, column, out[0]);
             });
}

struct Rule {
  double alpha, beta, gamma, smooth;
};

double loss(const Rule& rule, const HostTensor& totals, const HostTensor& weights) {
  const auto classes = static_cast<std::size_t>(totals.shape[1]);
  double sum = 0;
  double all = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    const double weight = weights.present ? weights.values[c] : 1;
    all += weight;
    const double hit = totals.values[c];
    const double above = hit + rule.smooth;
    const double below = above + rule.alpha * (totals.values[classes + c] - hit) +
                         rule.beta * (totals.values[2 * classes + c] - hit);
    if (totals.values[2 * classes + c] > 0) sum += weight * (1 - above / below);
  }
  return std::pow(sum / all, rule.gamma);
}

void function_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                        const Attributes& attrs) {
  out[0] = HostTensor::zeros({});
  out[0].values[0] =
      loss({attrs.real("alpha"), attrs.real("beta"), attrs.real("gamma"), attrs.real("smooth")}, in[0],
           in.size() > 1 ? in[1] : HostTensor{false, {}, {}});
}

const std::vector<double> kWeights{0.5, 0, 2, 1, 3};

// The whole loss, of a model with or without weights of classes.
Reference whole(const Rule& rule, bool weighted) {
  return [=](const auto& in, auto& out, const Attributes& attrs) {
    std::vector<HostTensor> sums(2);
    totals_reference(in, sums, attrs);
    out[0] = HostTensor::zeros({});
    out[0].values[0] =
        loss(rule, sums[0], weighted ? HostTensor{true, {5}, kWeights} : HostTensor{false, {}, {}});
    out[1] = sums[1];
  };
}

Case make_grad(Case test, const char* op) {
  test.op = op;
  test.inputs.insert(test.inputs.begin(), dense({3, test.inputs[0].desc.c()}, uniform(-1, 1), DType::f64));
  test.tolerance = 1e-5;
  test.output_gap = 5;
  return test;
}

BOOST_AUTO_TEST_CASE(sums_of_probabilities) {
  const OpHarness harness;
  for (const double share : {0.0, 0.3, 1.0}) {
    harness.check(labelled_case("region_totals", {2, 19, 6, 7}, 6, 7, share), totals_reference);
    harness.check(make_grad(labelled_case("region_totals", {2, 19, 6, 7}, 6, 7, share), "region_grad"),
                  grad_reference);
  }
  Case unwanted = labelled_case("region_totals", {1, 150, 3, 4}, 3, 4, 0.1);
  unwanted.unwanted = {1};
  harness.check(unwanted, totals_reference);
  harness.check(make_grad(labelled_case("region_totals", {1, 150, 3, 4}, 3, 4, 0.1), "region_grad"),
                grad_reference);
}

BOOST_AUTO_TEST_CASE(sums_from_small_logits) {
  struct Sizes {
    Shape logits;
    std::int64_t h, w;
  };
  for (const Sizes& sizes :
       {Sizes{{2, 19, 5, 6}, 33, 41}, Sizes{{1, 5, 9, 13}, 4, 6}, Sizes{{2, 3, 1, 1}, 4, 3}}) {
    check_resized_sums(
        labelled_case("resize_region_totals", sizes.logits, sizes.h, sizes.w, 0.2), totals_reference,
        [](const Case& totals) { return make_grad(totals, "resize_region_grad"); }, grad_reference);
  }
}

BOOST_AUTO_TEST_CASE(function_of_the_sums) {
  const OpHarness harness;
  for (const double gamma : {1.0, 0.75, 2.0}) {
    Case test{.op = "region_loss",
              .attrs = {{"alpha", 0.3}, {"beta", 0.9}, {"gamma", gamma}, {"smooth", 0.5}},
              .inputs = {dense({3, 3}, in_order({5, 0, 1, 8, 2, 7, 6, 0, 5}), DType::f64),
                         dense({3}, uniform(0.1, 2))},
              .tolerance = 1e-6};
    harness.check(test, function_reference);
    test.inputs[1] = absent();
    harness.check(test, function_reference);
  }
}

BOOST_AUTO_TEST_CASE(gradient_of_the_function) {
  const OpHarness harness;
  for (const double gamma : {1.0, 0.75}) {
    const Case test{.op = "region_loss_grad",
                    .attrs = {{"alpha", 0.3}, {"beta", 0.9}, {"gamma", gamma}, {"smooth", 0.5}},
                    .inputs = {dense({}), dense({3, 3}, in_order({5, 0, 1, 8, 2, 7, 6, 0, 5}), DType::f64),
                               dense({3}, uniform(0.1, 2))},
                    .tolerance = 1e-6};
    harness.check(test, [&](const auto& in, auto& out, const Attributes&) {
      const Rule rule{0.3, 0.9, gamma, 0.5};
      out[0] = HostTensor::zeros({3, 3});
      for (std::size_t i = 0; i < 6; ++i) {  // counts have no gradient
        HostTensor more = in[1];
        HostTensor less = in[1];
        more.values[i] += 1e-5;
        less.values[i] -= 1e-5;
        out[0].values[i] = in[0].values[0] * (loss(rule, more, in[2]) - loss(rule, less, in[2])) / 2e-5;
      }
    });
  }
}

BOOST_AUTO_TEST_CASE(whole_losses) {
  const OpHarness harness;
  Case dice = labelled_case("dice", {2, 5, 6, 5}, 6, 5, 0.2);
  dice.attrs = {{"smooth", 1.0}};
  Case tversky = labelled_case("tversky", {2, 5, 6, 5}, 6, 5, 0.2);
  tversky.attrs = {{"alpha", 0.7}, {"beta", 0.2}, {"gamma", 1.5}};
  const auto check = [&](Case test, const Rule& rule) {
    harness.check_variant(test, Form::eval, whole(rule, false));
    harness.check_variant(test, Form::train, whole(rule, false));
    harness.check_gradient(test, whole(rule, false), {.inputs = {0}});
    test.model_inputs["class_weights"] = dense({5}, in_order(kWeights));
    harness.check_variant(test, Form::train, whole(rule, true));
    harness.check_gradient(test, whole(rule, true), {.inputs = {0}});
  };
  check(dice, {0.5, 0.5, 1, 1});
  check(tversky, {0.7, 0.2, 1.5, 0});
}

// A class that no pixel has counts 0, whatever is predicted; without any labelled pixel the loss is 0.
BOOST_AUTO_TEST_CASE(classes_without_pixels) {
  const OpHarness harness;
  Case test = labelled_case("dice", {1, 5, 3, 4}, 3, 4, 0);
  for (const std::vector<double>& labels : {std::vector<double>{1, 3, 255}, {255}}) {
    test.inputs[1].values = in_order(labels);
    harness.check_variant(test, Form::train, whole({0.5, 0.5, 1, 0}, false));
    harness.check_gradient(test, whole({0.5, 0.5, 1, 0}, false), {.inputs = {0}});
  }
}

BOOST_AUTO_TEST_CASE(a_label_that_is_no_class_is_an_error) {
  Case test = labelled_case("region_totals", {1, 5, 2, 2}, 2, 2, 0);
  test.inputs[1].values = in_order({0, 1, 5, 2});
  BOOST_TEST(!OpHarness().run(test).ok());
}

}  // namespace
}  // namespace graphrun::test
