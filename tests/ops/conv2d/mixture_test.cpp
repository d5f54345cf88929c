#include <boost/test/unit_test.hpp>

#include "tests/ops/harness.h"
#include "tests/ops/resampling.h"

// conv2d_mixture, and weights by parts of their input channels.
namespace graphrun::test {
namespace {

struct Maps {
  Shape x;
  std::int64_t o;
  std::vector<Shape> levels;
  std::int64_t place = 0, gap = 0;
  bool bias = false, matrix = false;

  std::int64_t channels() const {
    std::int64_t sum = x[1];
    for (const Shape& level : levels) sum += level[1];
    return sum;
  }
};

Case mixture_case(const Maps& m) {
  const InputCase weight =
      dense(m.matrix ? Shape{m.o, m.channels()} : Shape{m.o, m.channels(), 1, 1}, normal(0, 0.2));
  Case test{.op = "conv2d_mixture",
            .attrs = {{"out_channels", Expr(m.o)}, {"place", Expr(m.place)}},
            .inputs = {activation(m.x, normal(), m.gap), weight, m.bias ? dense({m.o}) : absent()},
            .tolerance = 1e-5,
            .output_gap = m.gap};
  for (const Shape& level : m.levels) test.inputs.push_back(activation(level, normal(), m.gap));
  return test;
}

double interpolated(const HostTensor& level, std::int64_t n, std::int64_t c, const Mixture& row,
                    const Mixture& column) {
  const auto blend = [&](std::int64_t x) {
    return (1 - row.weight) * level.at(n, c, row.first, x) + row.weight * level.at(n, c, row.second, x);
  };
  return (1 - column.weight) * blend(column.first) + column.weight * blend(column.second);
}

// The channels of the concatenation at one pixel.
std::vector<double> joined(const std::vector<HostTensor>& in, const Attributes& attrs, std::int64_t n,
                           std::int64_t y, std::int64_t x) {
  const HostTensor& whole = in[0];
  const std::size_t place = 3 + static_cast<std::size_t>(attrs.integer("place"));
  std::vector<double> values;
  for (std::size_t l = 3; l <= in.size(); ++l) {
    if (l == place) {
      for (std::int64_t c = 0; c < whole.shape[1]; ++c) values.push_back(whole.at(n, c, y, x));
    }
    for (std::int64_t c = 0; l < in.size() && c < in[l].shape[1]; ++c)
      values.push_back(interpolated(in[l], n, c, mixture(attrs, y, in[l].shape[2], whole.shape[2]),
                                    mixture(attrs, x, in[l].shape[3], whole.shape[3])));
  }
  return values;
}

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  const Shape& shape = in[0].shape;
  const std::int64_t outputs = in[1].shape[0];
  out[0] = HostTensor::zeros({shape[0], outputs, shape[2], shape[3]});
  for (std::int64_t n = 0; n < shape[0]; ++n)
    for (std::int64_t y = 0; y < shape[2]; ++y)
      for (std::int64_t x = 0; x < shape[3]; ++x) {
        const std::vector<double> values = joined(in, attrs, n, y, x);
        for (std::int64_t o = 0; o < outputs; ++o) {
          double sum = in[2].present ? in[2].values[static_cast<std::size_t>(o)] : 0;
          for (std::size_t c = 0; c < values.size(); ++c)
            sum += values[c] * in[1].values[static_cast<std::size_t>(o) * values.size() + c];
          out[0].at(n, o, y, x) = sum;
        }
      }
}

// Levels of all sizes, x at every place, gaps between pixels, channels that fill no vector.
const Maps kMaps[] = {
    {{
         1,
         16,
         12,
         12,
     },
     24,
     {{1, 16, 6, 6}, {1, 16, 3, 3}, {1, 16, 2, 2}},
     3},
    {{2, 5, 7, 9}, 11, {{2, 3, 4, 5}, {2, 33, 1, 1}}, 1, 3, true},
    {{2, 8, 6, 5}, 16, {{2, 16, 6, 5}}, 0, 0, true, true},
    {{1, 1, 1, 1}, 1, {{1, 2, 1, 1}}, 0, 1},
};

BOOST_AUTO_TEST_CASE(maps_of_several_sizes) {
  const OpHarness harness;
  for (const Maps& maps : kMaps) {
    BOOST_TEST_CONTEXT("case " << &maps - kMaps) {
      for (const AttrMap& rule : interpolation_rules()) {
        Case test = mixture_case(maps);
        test.attrs.insert(rule.begin(), rule.end());
        harness.check(test, reference);
        harness.check_parts(test, reference);
        harness.check_gradient(test, reference);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_mixture_whose_weight_does_not_fit) {
  Case test = mixture_case(kMaps[0]);
  test.inputs[1] = dense({24, 63, 1, 1});
  const auto inferred = OpHarness().infer(test);
  BOOST_REQUIRE(!inferred.ok());
  BOOST_TEST(inferred.status().message().find("expected f32 (24, 64, 1, 1), got f32 (24, 63, 1, 1)") !=
             std::string::npos);
}

const Shape kWeights[] = {{5, 9, 3, 2}, {7, 12}, {1, 4, 1, 1}};

// Floats that an input channel has.
std::int64_t taps_of(const Shape& weight) { return weight.count() / weight[0] / weight[1]; }

BOOST_AUTO_TEST_CASE(a_part_of_a_weight) {
  for (const Shape& shape : kWeights) {
    OpHarness().check(
        {.op = "slice_weight", .attrs = {{"begin", 1}, {"count", 3}}, .inputs = {dense(shape)}},
        [&shape](const auto& in, auto& out, const Attributes&) {
          std::vector<std::int64_t> part(shape.extents().begin(), shape.extents().end());
          part[1] = 3;
          out[0] = HostTensor::zeros(Shape(part));
          const std::int64_t taps = taps_of(shape), length = 3 * taps;
          for (std::int64_t i = 0; i < shape[0] * length; ++i)
            out[0].values[static_cast<std::size_t>(i)] =
                in[0].values[static_cast<std::size_t>(i / length * shape[1] * taps + taps + i % length)];
        });
  }
  BOOST_TEST(
      !OpHarness()
           .infer(
               {.op = "slice_weight", .attrs = {{"begin", 8}, {"count", 2}}, .inputs = {dense(kWeights[0])}})
           .ok());
}

BOOST_AUTO_TEST_CASE(a_weight_of_parts) {
  for (const Shape& shape : kWeights) {
    std::vector<std::int64_t> other(shape.extents().begin(), shape.extents().end());
    other[1] = 2;
    OpHarness().check({.op = "join_weights", .inputs = {dense(shape), dense(Shape(other)), dense(shape)}},
                      [](const auto& in, auto& out, const Attributes&) {
                        std::vector<std::int64_t> whole(in[0].shape.extents().begin(),
                                                        in[0].shape.extents().end());
                        whole[1] = 0;
                        for (const HostTensor& part : in) whole[1] += part.shape[1];
                        out[0] = HostTensor::zeros(Shape(whole));
                        std::size_t to = 0;
                        for (std::int64_t o = 0; o < whole[0]; ++o)
                          for (const HostTensor& part : in) {
                            const auto length = part.values.size() / static_cast<std::size_t>(whole[0]);
                            for (std::size_t i = 0; i < length; ++i)
                              out[0].values[to++] = part.values[static_cast<std::size_t>(o) * length + i];
                          }
                      });
  }
  BOOST_TEST(!OpHarness().infer({.op = "join_weights", .inputs = {dense({2, 3}), dense({3, 3})}}).ok());
}

}  // namespace
}  // namespace graphrun::test
