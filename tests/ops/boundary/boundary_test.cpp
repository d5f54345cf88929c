#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/label_sums.h"
#include "tests/ops/labelled_pixels.h"

namespace graphrun::test {
namespace {

double binary_loss(double score, bool on) { return std::log1p(std::exp(on ? -score : score)); }

void totals_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                      const Attributes& attrs) {
  out[0] = HostTensor::zeros({4});
  each_pixel(
      attrs, in[0], in[1],
      [&](const Place&, std::int64_t label, const std::vector<double>& v, const Mixture&, const Mixture&) {
        const std::size_t side = label == 1 ? 0 : 1;
        out[0].values[side] += binary_loss(v[0], label == 1);
        out[0].values[2 + side] += 1;
      });
}

void grad_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                    const Attributes& attrs) {
  out[0] = HostTensor::zeros(in[1].shape);
  each_pixel(attrs, in[1], in[2],
             [&](const Place& place, std::int64_t label, const std::vector<double>& v, const Mixture& row,
                 const Mixture& column) {
               const double p = 1 / (1 + std::exp(-v[0]));
               const double g = label == 1 ? in[0].values[0] * (p - 1) : in[0].values[1] * p;
               add_to_sources(place, {g}, row, column, out[0]);
             });
}

double loss(const HostTensor& totals) {
  const std::vector<double>& t = totals.values;
  const double all = t[2] + t[3];
  return all > 0 ? (t[3] * t[0] + t[2] * t[1]) / (all * all) : 0;
}

void boundary_reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                        const Attributes& attrs) {
  const HostTensor& label = in[0];
  const std::int64_t width = attrs.integer("width");
  const std::int64_t h = label.shape[1];
  const std::int64_t w = label.shape[2];
  const auto at = [&](std::int64_t n, std::int64_t y, std::int64_t x) {
    return label.values[static_cast<std::size_t>((n * h + y) * w + x)];
  };
  out[0] = label;
  std::size_t i = 0;
  for (std::int64_t n = 0; n < label.shape[0]; ++n)
    for (std::int64_t y = 0; y < h; ++y)
      for (std::int64_t x = 0; x < w; ++x, ++i) {
        if (label.values[i] == 255) continue;
        out[0].values[i] = 0;
        for (std::int64_t v = y - (width + 1) / 2; v <= y + width / 2; ++v)
          for (std::int64_t u = x - (width + 1) / 2; u <= x + width / 2; ++u) {
            if (v < 0 || v >= h || u < 0 || u >= w || at(n, v, u) == 255) continue;
            if (at(n, v, u) != label.values[i]) out[0].values[i] = 1;
          }
      }
}

Case make(const char* op, const Shape& logits, std::int64_t h, std::int64_t w, double share) {
  return labelled_case(op, logits, h, w, share, 2, 3);
}

Case make_grad(Case test, const char* op) {
  test.op = op;
  test.inputs.insert(test.inputs.begin(), dense({4}, in_order({0.5, 2, 0, 0}), DType::f64));
  test.tolerance = 1e-5;
  test.output_gap = 5;
  return test;
}

BOOST_AUTO_TEST_CASE(sums) {
  const OpHarness harness;
  for (const double share : {0.0, 0.3, 1.0}) {
    harness.check(make("boundary_totals", {2, 1, 6, 7}, 6, 7, share), totals_reference);
    harness.check(make_grad(make("boundary_totals", {2, 1, 6, 7}, 6, 7, share), "boundary_grad"),
                  grad_reference);
  }
  check_resized_sums(
      make("resize_boundary_totals", {2, 1, 5, 6}, 33, 41, 0.2), totals_reference,
      [](const Case& totals) { return make_grad(totals, "resize_boundary_grad"); }, grad_reference);
}

// Scores so large that a probability is 0 or 1 in floats.
BOOST_AUTO_TEST_CASE(large_scores) {
  Case test = make("boundary_totals", {1, 1, 1, 4}, 1, 4, 0);
  test.inputs[0].values = in_order({200, -200, 200, -200});
  test.inputs[1].values = in_order({1, 1, 0, 0});
  OpHarness().check(test, [](const auto&, auto& out, const Attributes&) {
    out[0] = HostTensor::zeros({4});
    out[0].values = {200, 200, 2, 2};
  });
}

BOOST_AUTO_TEST_CASE(functions_of_the_sums) {
  const OpHarness harness;
  for (const std::vector<double>& totals : {std::vector<double>{3, 5, 2, 7}, {0, 5, 0, 7}, {0, 0, 0, 0}}) {
    harness.check(
        {.op = "boundary_loss", .inputs = {dense({4}, in_order(totals), DType::f64)}, .tolerance = 1e-6},
        [](const auto& in, auto& out, const Attributes&) {
          out[0] = HostTensor::zeros({});
          out[0].values[0] = loss(in[0]);
        });
    harness.check(
        {.op = "boundary_loss_grad", .inputs = {dense({}), dense({4}, in_order(totals), DType::f64)}},
        [](const auto& in, auto& out, const Attributes&) {
          const std::vector<double>& t = in[1].values;
          const double all = t[2] + t[3];
          out[0] = HostTensor::zeros({4});
          if (all > 0)
            out[0].values = {in[0].values[0] * t[3] / all / all, in[0].values[0] * t[2] / all / all, 0, 0};
        });
  }
}

BOOST_AUTO_TEST_CASE(boundaries_of_label_maps) {
  const OpHarness harness;
  for (const int width : {1, 2, 3, 4, 9}) {
    harness.check({.op = "label_boundary",
                   .attrs = {{"width", Expr(width)}},
                   .inputs = {dense({2, 23, 31}, integers(2, 0.1), DType::i32)}},
                  boundary_reference);
    // Mostly of one class.
    harness.check(
        {.op = "label_boundary",
         .attrs = {{"width", Expr(width)}},
         .inputs = {dense(
             {1, 40, 50}, [](core::Random& random) { return random.next_bool(0.004) ? 3 : 1; }, DType::i32)}},
        boundary_reference);
  }
}

BOOST_AUTO_TEST_CASE(a_boundary_is_as_wide_as_it_is_said_to_be) {
  const Case test{.op = "label_boundary",
                  .attrs = {{"width", Expr(4)}},
                  .inputs = {dense({1, 1, 12}, in_order({0, 0, 0, 0, 0, 0, 7, 7, 7, 7, 7, 7}), DType::i32)}};
  OpHarness().check(test, [](const auto& in, auto& out, const Attributes&) {
    out[0] = in[0];
    out[0].values = {0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0};
  });
}

BOOST_AUTO_TEST_CASE(labels_where_a_boundary_is_likely) {
  Case test{
      .op = "select_label",
      .attrs = {{"threshold", 0.8}},
      .inputs = {dense({2, 5, 7}, integers(9, 0.2), DType::i32), activation({2, 1, 5, 7}, normal(1, 2), 2)}};
  const Reference reference = [](const auto& in, auto& out, const Attributes&) {
    out[0] = in[0];
    for (std::size_t i = 0; i < out[0].values.size(); ++i)
      if (1 / (1 + std::exp(-in[1].values[i])) <= 0.8) out[0].values[i] = 255;
  };
  OpHarness().check(test, reference);
}

BOOST_AUTO_TEST_CASE(whole_loss) {
  const OpHarness harness;
  Case test{
      .op = "boundary",
      .attrs = {{"width", Expr(2)}},
      .inputs = {activation({2, 1, 5, 7}, normal(0, 2), 2), dense({2, 5, 7}, integers(2, 0.2), DType::i32)},
      .tolerance = 1e-6};
  const Reference reference = [](const auto& in, auto& out, const Attributes& attrs) {
    std::vector<HostTensor> target(1), totals(1);
    boundary_reference({in[1]}, target, attrs);
    totals_reference({in[0], target[0]}, totals, attrs);
    out[0] = HostTensor::zeros({});
    out[0].values[0] = loss(totals[0]);
  };
  harness.check_variant(test, Form::train, reference);
  harness.check_variant(test, Form::eval, reference);
  harness.check_gradient(test, reference, {.inputs = {0}});
  test.inputs[0] = activation({2, 2, 5, 7});
  const auto types = harness.infer(test);
  BOOST_REQUIRE(!types.ok());
  BOOST_TEST(types.status().message() == "channels of logits: expected 1, got 2");
}

}  // namespace
}  // namespace graphrun::test
