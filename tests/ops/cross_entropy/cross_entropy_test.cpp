#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/harness.h"
#include "tests/ops/test_backend.h"

namespace graphrun::test {
namespace {

struct Expected {
  HostTensor totals, confusion;
};

// The loss of a pixel beyond plain cross entropy.
struct PixelRule {
  double smoothing = 0;
  double focus = 0;
};
// `weights` and `counted` may be absent.
Expected expect(const HostTensor& logits, const HostTensor& label, const HostTensor& weights,
                const HostTensor& counted, double ignore, const PixelRule& rule = {}) {
  const std::int64_t classes = logits.shape[1];
  Expected result{HostTensor::zeros({2}), HostTensor::zeros({classes, classes})};
  std::size_t pixel = 0;
  for (std::int64_t n = 0; n < logits.shape[0]; ++n)
    for (std::int64_t y = 0; y < logits.shape[2]; ++y)
      for (std::int64_t x = 0; x < logits.shape[3]; ++x) {
        const double wanted = label.values[pixel];
        const bool counts = !counted.present || counted.values[pixel] != ignore;
        ++pixel;
        if (wanted == ignore) continue;
        const auto target = static_cast<std::int64_t>(wanted);
        std::int64_t best = 0;
        for (std::int64_t c = 1; c < classes; ++c)
          if (logits.at(n, c, y, x) > logits.at(n, best, y, x)) best = c;
        const double max = logits.at(n, best, y, x);
        double sum = 0;
        for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(logits.at(n, c, y, x) - max);
        const auto weight = [&](std::int64_t c) {
          return weights.present ? weights.values[static_cast<std::size_t>(c)] : 1;
        };
        const auto nll = [&](std::int64_t c) { return std::log(sum) - (logits.at(n, c, y, x) - max); };
        if (counts) {
          double all = 0;
          for (std::int64_t c = 0; c < classes; ++c) all += weight(c) * nll(c);
          const double focus = std::pow(1 - std::exp(-nll(target)), rule.focus);
          result.totals.values[0] += (1 - rule.smoothing) * weight(target) * focus * nll(target) +
                                     rule.smoothing / static_cast<double>(classes) * all;
          result.totals.values[1] += weight(target);
        }
        result.confusion.values[static_cast<std::size_t>(target * classes + best)] += 1;
      }
  return result;
}

const HostTensor kAbsent{false, {}, {}};
const HostTensor& optional(const std::vector<HostTensor>& in, std::size_t i) {
  return i < in.size() ? in[i] : kAbsent;
}

double ignore_of(const Attributes& attrs) { return static_cast<double>(attrs.integer("ignore_label")); }

Reference totals_by(const PixelRule& rule) {
  return [=](const auto& in, auto& out, const Attributes& attrs) {
    const Expected expected = expect(in[0], in[1], optional(in, 2), optional(in, 3), ignore_of(attrs), rule);
    out[0] = expected.totals;
    out[1] = expected.confusion;
  };
}
const Reference totals_reference = totals_by({});

Reference loss_by(const PixelRule& rule) {
  return [=](const auto& in, auto& out, const Attributes& attrs) {
    const Expected expected = expect(in[0], in[1], optional(in, 2), optional(in, 3), ignore_of(attrs), rule);
    const double count = expected.totals.values[1];
    out[0] = HostTensor::zeros({});
    out[0].values[0] = count > 0 ? expected.totals.values[0] / count : 0;
    out[1] = expected.totals;
    out[2] = expected.confusion;
  };
}
const Reference loss_reference = loss_by({});

// Softmax probability of the label; 1 where ignored.
void probability_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                           const Attributes& attrs) {
  out[0] = in[1];
  std::size_t pixel = 0;
  for (std::int64_t n = 0; n < in[0].shape[0]; ++n)
    for (std::int64_t y = 0; y < in[0].shape[2]; ++y)
      for (std::int64_t x = 0; x < in[0].shape[3]; ++x, ++pixel) {
        double& value = out[0].values[pixel];
        double sum = 0;
        for (std::int64_t c = 0; c < in[0].shape[1]; ++c) sum += std::exp(in[0].at(n, c, y, x));
        value = value == ignore_of(attrs)
                    ? 1
                    : std::exp(in[0].at(n, static_cast<std::int64_t>(value), y, x)) / sum;
      }
}

void hard_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                    const Attributes& attrs) {
  out[0] = in[0];
  std::vector<double> sorted;
  for (std::size_t i = 0; i < in[0].values.size(); ++i)
    if (in[0].values[i] != ignore_of(attrs))
      sorted.push_back(std::isnan(in[1].values[i]) ? -1 : in[1].values[i]);
  std::ranges::sort(sorted);
  if (sorted.empty()) return;
  const auto share = static_cast<std::size_t>(attrs.real("min_share") * static_cast<double>(sorted.size()));
  const auto kept = std::max(static_cast<std::size_t>(attrs.integer("min_kept")), share);
  const auto place = std::min(kept, sorted.size() - 1);
  const double threshold = static_cast<double>(static_cast<float>(attrs.real("threshold")));
  const double limit = std::max(threshold, sorted[place]);
  for (std::size_t i = 0; i < in[0].values.size(); ++i)
    if (in[1].values[i] >= limit) out[0].values[i] = ignore_of(attrs);
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

// Weights of classes, one of them 0, and pixels that the loss leaves out.
Case weigh(Case test, bool counted) {
  const std::int64_t classes = test.inputs[0].desc.shape[1];
  test.inputs.push_back(dense({classes}, [n = 0](core::Random& random) mutable {
    return n++ == 1 ? 0 : random.next_between(0.1, 4);
  }));
  test.inputs.push_back(absent());
  if (!counted) return test;
  std::vector<double> all;
  std::vector<double> some;
  core::Random random(3, core::RandomPurpose::test);
  for (std::int64_t i = 0; i < test.inputs[1].desc.shape.count(); ++i) {
    all.push_back(random.next_bool(0.2) ? 255 : random.next_below(static_cast<std::uint32_t>(classes)));
    some.push_back(random.next_bool(0.5) ? 255 : all.back());
  }
  test.inputs[1].values = in_order(all);
  test.inputs[3] = dense(test.inputs[1].desc.shape, in_order(some), DType::i32);
  return test;
}

BOOST_AUTO_TEST_CASE(weighted_totals_of_some_pixels) {
  const OpHarness harness;
  for (const bool counted : {false, true}) {
    harness.check(weigh(make("cross_entropy_totals", {2, 19, 5, 7}, 0.2), counted), totals_reference);
    harness.check_gradient(weigh(make("cross_entropy_totals", {1, 4, 5, 5}, 0.2), counted), totals_reference,
                           {.inputs = {0}});
  }
  Case no_weights = weigh(make("cross_entropy_totals", {2, 5, 5, 7}, 0.2), true);
  no_weights.inputs[2] = absent();
  harness.check(no_weights, totals_reference);
}

BOOST_AUTO_TEST_CASE(class_weights_come_from_the_input_of_that_name) {
  const OpHarness harness;
  Case test = make("cross_entropy", {2, 5, 5, 7}, 0.2);
  test.model_inputs["class_weights"] = dense({5}, in_order({0.5, 0, 2, 1, 3}));
  const Reference weighted = [](const auto& in, auto& out, const Attributes& attrs) {
    loss_reference({in[0], in[1], {true, {5}, {0.5, 0, 2, 1, 3}}}, out, attrs);
  };
  harness.check_variant(test, Form::train, weighted);
  harness.check_gradient(test, weighted, {.inputs = {0}});
  harness.check_variant(test, Form::eval, loss_reference);
  test.model_inputs["class_weights"] = dense({4});
  harness.check_variant(test, Form::train, loss_reference);
}

BOOST_AUTO_TEST_CASE(probabilities_of_labels) {
  const OpHarness harness;
  harness.check(make("label_probability", {2, 150, 5, 7}, 0.2), probability_reference);
  harness.check(make("label_probability", {1, 1, 3, 3}, 0.5), probability_reference);
}

BOOST_AUTO_TEST_CASE(hard_pixels) {
  const OpHarness harness;
  const auto check = [&](double threshold, std::int64_t min_kept, double share, Values probability,
                         double min_share = 0) {
    harness.check(
        {.op = "hard_label",
         .attrs = {{"threshold", threshold}, {"min_kept", Expr(min_kept)}, {"min_share", min_share}},
         .inputs = {dense({2, 300, 250}, integers(7, share), DType::i32),
                    dense({2, 300, 250}, std::move(probability))}},
        hard_reference);
  };
  for (const double share : {0.0, 0.3, 1.0}) {
    check(0.7, 1000, share, uniform(0, 1));           // the threshold decides
    check(0.1, 40000, share, uniform(0, 1));          // the number decides
    check(0.0, 0, share, uniform(0, 1));              // none is kept
    check(0.3, 1000000, share, uniform(0, 1));        // all but the easiest
    check(0.5, 5000, share, integers(4));             // many alike
    check(0.9, 0, share, in_order({1, 1, 1}));        // a network that is sure
    check(0.01, 10, share, uniform(0, 1), 1.0 / 16);  // the share decides
    check(0.2, 3, share, in_order({NAN, 0.5}));       // what is no number is hard
  }
}

// The loss over hard pixels is that over the same pixels given by hand, and all pixels are in the matrix.
BOOST_AUTO_TEST_CASE(mining) {
  const OpHarness harness;
  Case test = make("cross_entropy", {2, 6, 9, 8}, 0.2);
  const Reference mined = [](const auto& in, auto& out, const Attributes& attrs) {
    std::vector<HostTensor> probability(1), hard(1);
    probability_reference(in, probability, attrs);
    hard_reference({in[1], probability[0]}, hard, attrs);
    loss_reference({in[0], in[1], kAbsent, hard[0]}, out, attrs);
  };
  for (const std::int64_t min_kept : {0, 30}) {
    test.attrs = {{"ohem", Expr(1)}, {"threshold", 0.05}, {"min_kept", Expr(min_kept)}};
    harness.check_variant(test, Form::train, mined);
    harness.check_variant(test, Form::eval, loss_reference);
    harness.check_gradient(test, mined, {.inputs = {0}});
  }
}

BOOST_AUTO_TEST_CASE(loss_in_both_methods) {
  const OpHarness harness;
  for (const double share : {0.3, 1.0}) {
    harness.check_variant(make("cross_entropy", {2, 11, 5, 7}, share), Form::eval, loss_reference);
    harness.check_variant(make("cross_entropy", {2, 11, 5, 7}, share), Form::train, loss_reference);
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  const OpHarness harness;
  harness.check_gradient(make("cross_entropy", {2, 11, 3, 5}, 0.3), loss_reference);
  harness.check_gradient(make("cross_entropy", {1, 4, 3, 3}, 0), loss_reference);
}

const std::vector<double> kWeights{0.5, 0, 2, 1, 3};

// Of a loss in both methods, with weights of classes and without.
void check_loss(Case test, const PixelRule& rule) {
  const OpHarness harness;
  harness.check_variant(test, Form::eval, loss_by(rule));
  harness.check_variant(test, Form::train, loss_by(rule));
  harness.check_gradient(test, loss_by(rule), {.inputs = {0}});
  test.model_inputs["class_weights"] = dense({5}, in_order(kWeights));
  const Reference weighted = [=](const auto& in, auto& out, const Attributes& attrs) {
    loss_by(rule)({in[0], in[1], {true, {5}, kWeights}}, out, attrs);
  };
  harness.check_variant(test, Form::train, weighted);
  harness.check_gradient(test, weighted, {.inputs = {0}});
}

BOOST_AUTO_TEST_CASE(label_smoothing) {
  Case test = make("cross_entropy", {2, 5, 5, 7}, 0.2);
  for (const double share : {0.1, 1.0}) {
    test.attrs = {{"label_smoothing", share}};
    check_loss(test, {share, 0});
  }
  Case totals = weigh(make("cross_entropy_totals", {2, 19, 5, 7}, 0.2), true);
  totals.attrs = {{"label_smoothing", 0.3}};
  OpHarness().check(totals, totals_by({0.3, 0}));
}

BOOST_AUTO_TEST_CASE(focal_loss) {
  Case test = make("focal", {2, 5, 5, 7}, 0.2);
  test.tolerance = 1e-5;
  for (const double gamma : {0.0, 0.5, 1.0, 2.0, 5.0}) {
    test.attrs = {{"gamma", gamma}};
    check_loss(test, {0, gamma});
  }
  // A network that is sure and right: the loss is 0, and so is its gradient.
  test = make("focal", {1, 5, 1, 1}, 0, in_order({0, 0, 200, 0, 0}));
  test.inputs[1].values = in_order({2});
  test.least_scale = 1;
  for (const double gamma : {0.5, 2.0}) {
    test.attrs = {{"gamma", gamma}};
    OpHarness().check_variant(test, Form::train, loss_by({0, gamma}));
  }
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
  const std::string& message = totals.status().message();
  if (on_gpu()) {  // which of the two is seen first is left to chance
    BOOST_TEST((message.starts_with("label 5 of pixel 18 is no class: expected 0 to 4") ||
                message.starts_with("label -1 of pixel 19 is no class: expected 0 to 4")),
               message);
  } else {
    BOOST_TEST(message ==
               "label 5 of image 1 at pixel (y 1, x 2): expected a class, 0 to 4, or the ignored label 255");
  }
  test.op = "cross_entropy_grad";
  test.inputs.insert(test.inputs.begin(), dense({2}, in_order({1, 0}), DType::f64));
  BOOST_TEST(!harness.run(test).ok());
  Case counted = make("cross_entropy_totals", {2, 5, 3, 4}, 0);
  counted.inputs.push_back(absent());
  counted.inputs.push_back(dense({2, 3, 4}, in_order(labels), DType::i32));
  BOOST_TEST(!harness.run(counted).ok());
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
  Case weighted = make("cross_entropy_totals", {2, 5, 3, 4}, 0);
  weighted.inputs.push_back(dense({4}));
  const auto types = harness.infer(weighted);
  BOOST_REQUIRE(!types.ok());
  BOOST_TEST(types.status().message() == "class_weights: expected f32 (5), got f32 (4)");
}

}  // namespace
}  // namespace graphrun::test
