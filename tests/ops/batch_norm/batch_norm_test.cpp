#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

using Tensors = std::vector<HostTensor>;

double relu(double x) { return x > 0 ? x : 0; }

// f(n, c, h, w) for every element.
template <class F>
void each(const Shape& shape, const F& f) {
  for (std::int64_t n = 0; n < shape[0]; ++n)
    for (std::int64_t c = 0; c < shape[1]; ++c)
      for (std::int64_t h = 0; h < shape[2]; ++h)
        for (std::int64_t w = 0; w < shape[3]; ++w) f(n, c, h, w);
}

struct Statistics {
  std::vector<double> mean;
  std::vector<double> variance;  // biased
};
Statistics statistics_of(const HostTensor& x) {
  const auto channels = static_cast<std::size_t>(x.shape[1]);
  const double count = static_cast<double>(x.shape.count() / x.shape[1]);
  Statistics s{std::vector<double>(channels), std::vector<double>(channels)};
  each(x.shape, [&](auto n, auto c, auto h, auto w) {
    s.mean[static_cast<std::size_t>(c)] += x.at(n, c, h, w) / count;
  });
  each(x.shape, [&](auto n, auto c, auto h, auto w) {
    const double distance = x.at(n, c, h, w) - s.mean[static_cast<std::size_t>(c)];
    s.variance[static_cast<std::size_t>(c)] += distance * distance / count;
  });
  return s;
}

// weight and bias are inputs `first` and first + 1; the residual is input 5.
HostTensor normalised(const Tensors& in, std::size_t first, const std::vector<double>& mean,
                      const std::vector<double>& inv_std, bool with_relu) {
  HostTensor y = in[0];
  each(y.shape, [&](auto n, auto channel, auto h, auto w) {
    const auto c = static_cast<std::size_t>(channel);
    double z =
        (in[0].at(n, channel, h, w) - mean[c]) * inv_std[c] * in[first].values[c] + in[first + 1].values[c];
    if (in[5].present) z += in[5].at(n, channel, h, w);
    y.at(n, channel, h, w) = with_relu ? relu(z) : z;
  });
  return y;
}

std::vector<double> inverse_deviation(const std::vector<double>& variance, double eps) {
  std::vector<double> result;
  for (const double value : variance) result.push_back(1 / std::sqrt(value + eps));
  return result;
}

void train_reference(const Tensors& in, Tensors& out, const Attributes& attrs) {
  const Statistics s = statistics_of(in[0]);
  out[0] = normalised(in, 1, s.mean, inverse_deviation(s.variance, attrs.real("eps")),
                      attrs.text("activation") == "relu");
}
void eval_reference(const Tensors& in, Tensors& out, const Attributes& attrs) {
  out[0] = normalised(in, 1, in[3].values, inverse_deviation(in[4].values, attrs.real("eps")),
                      attrs.text("activation") == "relu");
}
void apply_reference(const Tensors& in, Tensors& out, const Attributes& attrs) {
  out[0] = normalised(in, 3, in[1].values, in[2].values, attrs.text("activation") == "relu");
}

void moments_reference(const Tensors& in, Tensors& out, const Attributes&) {
  const std::int64_t channels = in[0].shape[1];
  out[0] = HostTensor::zeros({3, channels});
  each(in[0].shape, [&](auto n, auto c, auto h, auto w) {
    const double x = in[0].at(n, c, h, w);
    out[0].values[static_cast<std::size_t>(c)] += 1;
    out[0].values[static_cast<std::size_t>(channels + c)] += x;
    out[0].values[static_cast<std::size_t>(2 * channels + c)] += x * x;
  });
}

void finish_reference(const Tensors& in, Tensors& out, const Attributes& attrs) {
  const Shape shape{in[0].shape[1]};
  out.assign(4, HostTensor::zeros(shape));
  const auto channels = static_cast<std::size_t>(shape[0]);
  const double momentum = attrs.real("momentum");
  for (std::size_t c = 0; c < channels; ++c) {
    const double count = in[0].values[c];
    const double mean = in[0].values[channels + c] / count;
    const double variance = in[0].values[2 * channels + c] / count - mean * mean;
    out[0].values[c] = mean;
    out[1].values[c] = 1 / std::sqrt(variance + attrs.real("eps"));
    out[2].values[c] = (1 - momentum) * in[1].values[c] + momentum * mean;
    out[3].values[c] =
        (1 - momentum) * in[2].values[c] + momentum * variance * count / std::max(count - 1, 1.0);
  }
}

// gz and xhat of the gradient ops; x is input `first`, then mean, inv_std, weight, bias, y.
struct Backward {
  HostTensor gz;
  HostTensor xhat;
};
Backward backward(const Tensors& in, std::size_t first, bool with_relu) {
  Backward result{in[0], in[first]};
  each(in[0].shape, [&](auto n, auto channel, auto h, auto w) {
    const auto c = static_cast<std::size_t>(channel);
    double& xhat = result.xhat.at(n, channel, h, w);
    xhat = (xhat - in[first + 1].values[c]) * in[first + 2].values[c];
    const double z = in[first + 5].present ? in[first + 5].at(n, channel, h, w)
                                           : xhat * in[first + 3].values[c] + in[first + 4].values[c];
    if (with_relu && z <= 0) result.gz.at(n, channel, h, w) = 0;
  });
  return result;
}
void grad_sums_reference(const Tensors& in, Tensors& out, const Attributes& attrs) {
  const Backward b = backward(in, 1, attrs.text("activation") == "relu");
  const std::int64_t channels = in[0].shape[1];
  out = {HostTensor::zeros({3, channels}), HostTensor::zeros({channels}), HostTensor::zeros({channels})};
  each(in[0].shape, [&](auto n, auto c, auto h, auto w) {
    out[0].values[static_cast<std::size_t>(c)] += 1;
    out[0].values[static_cast<std::size_t>(channels + c)] += b.gz.at(n, c, h, w);
    out[0].values[static_cast<std::size_t>(2 * channels + c)] += b.gz.at(n, c, h, w) * b.xhat.at(n, c, h, w);
    out[1].values[static_cast<std::size_t>(c)] = out[0].values[static_cast<std::size_t>(2 * channels + c)];
    out[2].values[static_cast<std::size_t>(c)] = out[0].values[static_cast<std::size_t>(channels + c)];
  });
}
void grad_apply_reference(const Tensors& in, Tensors& out, const Attributes& attrs) {
  const Backward b = backward(in, 2, attrs.text("activation") == "relu");
  const auto channels = static_cast<std::size_t>(in[0].shape[1]);
  out[0] = in[0];
  out[1] = b.gz;
  each(in[0].shape, [&](auto n, auto channel, auto h, auto w) {
    const auto c = static_cast<std::size_t>(channel);
    const std::vector<double>& sums = in[1].values;
    const double mean_gz = sums[channels + c] / sums[c];
    const double mean_product = sums[2 * channels + c] / sums[c];
    out[0].at(n, channel, h, w) =
        in[5].values[c] * in[4].values[c] *
        (b.gz.at(n, channel, h, w) - mean_gz - b.xhat.at(n, channel, h, w) * mean_product);
  });
}

const std::vector<Shape> kShapes{
    {2, 16, 5, 7}, {1, 3, 1, 37}, {2, 37, 9, 1}, {1, 2048, 3, 4}, {2, 5, 70, 65}};

Case graph_case(const Shape& shape, bool residual, bool relu_on, std::int64_t gap) {
  const Shape channels{shape[1]};
  return {.op = "batch_norm",
          .attrs = {{"activation", relu_on ? "relu" : "none"}},
          .inputs = {activation(shape, normal(0.5, 2), gap), dense(channels, uniform(0.5, 1.5)),
                     dense(channels), dense(channels), dense(channels, uniform(0.5, 2)),
                     residual ? activation(shape, normal(), gap) : absent()},
          .tolerance = 2e-6,
          .output_gap = gap};
}

BOOST_AUTO_TEST_CASE(training_and_its_gradient) {
  const OpHarness harness;
  for (const Shape& shape : kShapes) {
    for (const bool residual : {false, true}) {
      for (const bool relu_on : {false, true}) {
        const Case test = graph_case(shape, residual, relu_on, residual ? 3 : 0);
        harness.check_variant(test, Form::train, train_reference);
        if (shape.count() < 3000) harness.check_gradient(test, train_reference);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(evaluation_and_frozen_gradient) {
  const OpHarness harness;
  for (const Shape& shape : kShapes) {
    for (const bool residual : {false, true}) {
      for (const bool relu_on : {false, true}) {
        Case test = graph_case(shape, residual, relu_on, residual ? 0 : 5);
        harness.check_variant(test, Form::eval, eval_reference);
        test.attrs["frozen"] = Expr(1);
        harness.check_variant(test, Form::train, eval_reference);
        GradientOptions options;
        options.inputs = residual ? std::vector<int>{0, 5} : std::vector<int>{0};
        if (shape.count() < 3000) harness.check_gradient(test, eval_reference, options);
        test.attrs.erase("frozen");
        test.op = "batch_norm_eval";
        harness.check(test, eval_reference);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(moments) {
  const OpHarness harness;
  for (const Shape& shape : kShapes) {
    for (const std::int64_t gap : {0, 5}) {
      harness.check(
          {.op = "bn_moments", .inputs = {activation(shape, normal(0.5, 2), gap)}, .tolerance = 5e-7},
          moments_reference);
    }
  }
}

BOOST_AUTO_TEST_CASE(variance_beside_a_large_mean) {
  const OpHarness harness;
  const Case test{.op = "bn_moments", .inputs = {activation({2, 16, 100, 90}, normal(1000, 1))}};
  const auto moments = harness.run(test);
  BOOST_REQUIRE(moments.ok());
  Tensors expected(1);
  core::Random random(seed_of(test), core::RandomPurpose::test);
  HostTensor x = HostTensor::zeros({2, 16, 100, 90});
  for (double& value : x.values)
    value = static_cast<double>(static_cast<float>(test.inputs[0].values(random)));
  const Statistics exact = statistics_of(x);
  for (std::size_t c = 0; c < 16; ++c) {
    const std::vector<double>& m = (*moments)[0].values;
    const double mean = m[16 + c] / m[c];
    BOOST_TEST(std::abs(mean / exact.mean[c] - 1) < 1e-9);
    BOOST_TEST(std::abs((m[32 + c] / m[c] - mean * mean) / exact.variance[c] - 1) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(statistics_from_moments) {
  const OpHarness harness;
  for (const double count : {1.0, 2.0, 5000.0}) {
    std::vector<double> moments;
    for (int c = 0; c < 19; ++c) moments.push_back(count);
    for (int c = 0; c < 19; ++c) moments.push_back(count * (c - 9) * 0.5);
    for (int c = 0; c < 19; ++c) moments.push_back(count * ((c - 9) * (c - 9) * 0.25 + 0.1 * c));
    harness.check(
        {.op = "bn_finish",
         .attrs = {{"momentum", 0.3}},
         .inputs = {dense({3, 19}, in_order(moments), DType::f64), dense({19}), dense({19}, uniform(0.5, 2))},
         .tolerance = 1e-6},
        finish_reference);
  }
}

BOOST_AUTO_TEST_CASE(apply) {
  const OpHarness harness;
  for (const Shape& shape : kShapes) {
    const Shape channels{shape[1]};
    for (const std::int64_t gap : {0, 5}) {
      for (const bool residual : {false, true}) {
        for (const std::string chosen : {"none", "relu"}) {
          harness.check(
              {.op = "bn_apply",
               .attrs = {{"activation", chosen}},
               .inputs = {activation(shape, normal(), gap), dense(channels), dense(channels, uniform(0.5, 2)),
                          dense(channels), dense(channels), residual ? activation(shape) : absent()},
               .tolerance = 1e-6,
               .output_gap = gap},
              apply_reference);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(gradient_ops) {
  const OpHarness harness;
  for (const Shape& shape : kShapes) {
    const Shape channels{shape[1]};
    for (const std::int64_t gap : {0, 5}) {
      for (const bool has_y : {false, true}) {
        for (const std::string chosen : {"none", "relu"}) {
          Case test{.op = "bn_grad_sums",
                    .attrs = {{"activation", chosen}},
                    .inputs = {activation(shape, normal(), gap), activation(shape, normal(0.5, 2)),
                               dense(channels, normal(0.5, 0.1)), dense(channels, uniform(0.4, 0.6)),
                               dense(channels, uniform(0.5, 1.5)), dense(channels),
                               has_y ? activation(shape, normal(), gap) : absent()},
                    .tolerance = 3e-6,
                    .output_gap = gap};
          harness.check(test, grad_sums_reference);
          test.unwanted = {1, 2};
          harness.check(test, grad_sums_reference);
          test.op = "bn_grad_apply";
          test.inputs.insert(test.inputs.begin() + 1, dense({3, shape[1]}, uniform(20, 40), DType::f64));
          for (const std::vector<int>& unwanted : {std::vector<int>{}, {0}, {1}}) {
            test.unwanted = unwanted;
            harness.check(test, grad_apply_reference);
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(gradient_of_a_frozen_one) {
  const OpHarness harness;
  const auto reference = [](const Tensors& in, Tensors& out, const Attributes& attrs) {
    out[0] = out[1] = in[0];
    const std::vector<double> inv_std = inverse_deviation(in[2].values, attrs.real("eps"));
    each(in[0].shape, [&](auto n, auto c, auto h, auto w) {
      const double gz = in[3].present && in[3].at(n, c, h, w) <= 0 ? 0 : in[0].at(n, c, h, w);
      const auto channel = static_cast<std::size_t>(c);
      out[0].at(n, c, h, w) = gz * in[1].values[channel] * inv_std[channel];
      out[1].at(n, c, h, w) = gz;
    });
  };
  for (const Shape& shape : kShapes) {
    for (const std::string chosen : {"none", "relu"}) {
      Case test{
          .op = "batch_norm_eval_grad",
          .attrs = {{"activation", chosen}},
          .inputs = {activation(shape, normal(), 3), dense({shape[1]}), dense({shape[1]}, uniform(0.5, 2)),
                     chosen == "relu" ? activation(shape, normal(), 5) : absent()},
          .tolerance = 1e-6,
          .output_gap = 2};
      for (const std::vector<int>& unwanted : {std::vector<int>{}, {0}, {1}}) {
        test.unwanted = unwanted;
        harness.check(test, reference);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  const OpHarness harness;
  Case test = graph_case({2, 8, 3, 4}, true, false, 0);
  test.inputs[1] = dense({7});
  BOOST_TEST(!harness.infer(test).ok());
  test = graph_case({2, 8, 3, 4}, true, false, 0);
  test.inputs[5] = activation({2, 8, 3, 5});
  const auto result = harness.infer(test);
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST(result.status().message().find("residual") != std::string::npos);
}

}  // namespace
}  // namespace graphrun::test
