#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

InputCase rng(double seed, double iteration, double first_sample) {
  return dense({3}, in_order({seed, iteration, first_sample}), DType::i64);
}

// Which channels live is part of the definition: results of experiments hang on it.
Reference masked(std::uint32_t seed, std::uint32_t iteration, std::uint32_t first_sample,
                 std::uint32_t stream) {
  return [=](const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
    const double p = attrs.real("p");
    out[0] = in[0];
    for (std::int64_t n = 0; n < in[0].shape[0]; ++n)
      for (std::int64_t c = 0; c < in[0].shape[1]; ++c) {
        const core::Philox4 random =
            core::philox4x32(seed, 0, iteration, 0x80000000u + stream,
                             first_sample + static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(c));
        const bool kept = core::uniform_float(random.word[0]) >= static_cast<float>(p);
        for (std::int64_t h = 0; h < in[0].shape[2]; ++h)
          for (std::int64_t w = 0; w < in[0].shape[3]; ++w) out[0].at(n, c, h, w) *= kept ? 1 / (1 - p) : 0;
      }
  };
}

// FNV-1a of the path that the harness gives its node, below 2^31.
std::uint32_t stream_of_harness_node() {
  std::uint32_t hash = 2166136261u;
  for (const char letter : std::string("scope.node"))
    hash = (hash ^ static_cast<std::uint8_t>(letter)) * 16777619u;
  return hash & 0x7FFFFFFFu;
}

BOOST_AUTO_TEST_CASE(drops_whole_channels) {
  const OpHarness harness;
  for (const Shape& shape : {Shape{2, 19, 5, 7}, Shape{3, 512, 1, 1}, Shape{2, 64, 40, 30}}) {
    for (const std::int64_t gap : {0, 3}) {
      for (const std::string op : {"dropout2d_train", "dropout2d_grad"}) {
        const Case test{.op = op,
                        .attrs = {{"p", 0.3}, {"stream", 77}},
                        .inputs = {activation(shape, normal(), gap), rng(5, 1000, 4)},
                        .tolerance = 1e-6,
                        .output_gap = gap};
        harness.check(test, masked(5, 1000, 4, 77));
        if (op == "dropout2d_train") harness.check_gradient(test, masked(5, 1000, 4, 77));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(training_and_evaluation) {
  const OpHarness harness;
  const Case test{.op = "dropout2d",
                  .attrs = {{"p", 0.25}},
                  .inputs = {activation({2, 40, 3, 3})},
                  .tolerance = 1e-6,
                  .model_inputs = {{"rng", rng(9, 2, 0)}}};
  harness.check_variant(test, Form::eval,
                        [](const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                           const Attributes&) { out[0] = in[0]; });
  const Reference reference = masked(9, 2, 0, stream_of_harness_node());
  harness.check_variant(test, Form::train, reference);
  harness.check_gradient(test, reference);
}

// The factor of a sample is that of its first channel.
BOOST_AUTO_TEST_CASE(whole_samples_in_training) {
  const OpHarness harness;
  const auto dropped = [](std::uint32_t stream) -> Reference {
    return
        [stream](const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
          std::vector<HostTensor> factors(1);
          HostTensor ones = HostTensor::zeros({in[0].shape[0], 1, 1, 1});
          ones.values.assign(ones.values.size(), 1);
          masked(9, 2, 7, stream)({ones}, factors, attrs);
          out[0] = in[0];
          const std::size_t count = in[0].values.size() / factors[0].values.size();
          for (std::size_t i = 0; i < in[0].values.size(); ++i)
            out[0].values[i] *= factors[0].values[i / count];
        };
  };
  Case test{.op = "drop_path",
            .attrs = {{"p", 0.5}},
            .inputs = {activation({8, 21, 3, 3})},
            .tolerance = 1e-6,
            .model_inputs = {{"rng", rng(9, 2, 7)}}};
  harness.check_variant(test, Form::eval,
                        [](const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                           const Attributes&) { out[0] = in[0]; });
  harness.check_variant(test, Form::train, dropped(stream_of_harness_node()));
  harness.check_gradient(test, dropped(stream_of_harness_node()));
  for (const std::string op : {"dropout2d_train", "dropout2d_grad"}) {
    harness.check({.op = op,
                   .attrs = {{"p", 0.5}, {"stream", 5}, {"samples", Expr(1)}},
                   .inputs = {activation({8, 21, 3, 3}, normal(), 2), rng(9, 2, 7)},
                   .tolerance = 1e-6,
                   .output_gap = 3},
                  dropped(5));
  }
}

BOOST_AUTO_TEST_CASE(probability_0_keeps_everything_and_rates_fit) {
  const OpHarness harness;
  const auto kept = [&](double p) {
    const auto y = harness.run({.op = "dropout2d_train",
                                .attrs = {{"p", p}, {"stream", 3}},
                                .inputs = {activation({1, 20000, 1, 1}, uniform(1, 1)), rng(1, 1, 0)}});
    double count = 0;
    for (const double value : (*y)[0].values) count += value != 0 ? 1 : 0;
    return count / 20000;
  };
  BOOST_TEST(kept(0) == 1);
  BOOST_TEST(std::abs(kept(0.1) - 0.9) < 0.01);
  BOOST_TEST(std::abs(kept(0.5) - 0.5) < 0.015);
}

BOOST_AUTO_TEST_CASE(a_model_without_rng_is_refused) {
  const OpHarness harness;
  const auto result = harness.infer(
      {.op = "dropout2d_train", .attrs = {{"stream", 1}}, .inputs = {activation({1, 2, 3, 4}), absent()}});
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST(result.status().message().find("rng") != std::string::npos);
}

}  // namespace
}  // namespace graphrun::test
