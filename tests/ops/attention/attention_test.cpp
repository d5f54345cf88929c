#include <boost/test/unit_test.hpp>
#include <cmath>

#include "runtime/cpu/tiles.h"
#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

// Heads of images as matrices of pixels and channels.
struct Heads {
  const HostTensor& tensor;
  std::int64_t heads;
  std::int64_t pixels() const { return tensor.shape[2] * tensor.shape[3]; }
  std::int64_t width() const { return tensor.shape[1] / heads; }
  double at(std::int64_t n, std::int64_t head, std::int64_t pixel, std::int64_t c) const {
    return tensor.at(n, head * width() + c, pixel / tensor.shape[3], pixel % tensor.shape[3]);
  }
};

double& place(HostTensor& tensor, const Heads& like, std::int64_t n, std::int64_t head, std::int64_t pixel,
              std::int64_t c) {
  return tensor.at(n, head * like.width() + c, pixel / like.tensor.shape[3], pixel % like.tensor.shape[3]);
}

double scale_of(const Attributes& attrs, const Heads& q) {
  return attrs.real("scale") != 0 ? attrs.real("scale") : 1 / std::sqrt(static_cast<double>(q.width()));
}

// The scores of one query, and the logarithm of the sum of their exponentials.
double scores_of(const Heads& q, const Heads& k, double scale, std::int64_t n, std::int64_t head,
                 std::int64_t query, std::vector<double>& scores) {
  scores.assign(static_cast<std::size_t>(k.pixels()), 0);
  double max = -INFINITY, sum = 0;
  for (std::int64_t j = 0; j < k.pixels(); ++j) {
    double& score = scores[static_cast<std::size_t>(j)];
    for (std::int64_t c = 0; c < q.width(); ++c)
      score += scale * q.at(n, head, query, c) * k.at(n, head, j, c);
    max = std::max(max, score);
  }
  for (const double score : scores) sum += std::exp(score - max);
  return max + std::log(sum);
}

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  const std::int64_t heads = attrs.integer("heads");
  const Heads q{in[0], heads}, k{in[1], heads}, v{in[2], heads};
  const Shape& shape = in[0].shape;
  out[0] = HostTensor::zeros({shape[0], in[2].shape[1], shape[2], shape[3]});
  out[1] = HostTensor::zeros({shape[0], heads, shape[2], shape[3]});
  std::vector<double> scores;
  for (std::int64_t n = 0; n < shape[0]; ++n)
    for (std::int64_t head = 0; head < heads; ++head)
      for (std::int64_t i = 0; i < q.pixels(); ++i) {
        const double log_sum = scores_of(q, k, scale_of(attrs, q), n, head, i, scores);
        out[1].at(n, head, i / shape[3], i % shape[3]) = log_sum;
        for (std::int64_t j = 0; j < k.pixels(); ++j)
          for (std::int64_t c = 0; c < v.width(); ++c)
            out[0].at(n, head * v.width() + c, i / shape[3], i % shape[3]) +=
                std::exp(scores[static_cast<std::size_t>(j)] - log_sum) * v.at(n, head, j, c);
      }
}

// gy, q, k, v, y, log_sum, glog_sum: y and log_sum as they are given, whatever q, k and v are.
void gradients(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  const std::int64_t heads = attrs.integer("heads");
  const Heads gy{in[0], heads}, q{in[1], heads}, k{in[2], heads}, v{in[3], heads}, y{in[4], heads};
  const double scale = scale_of(attrs, q);
  for (std::size_t i = 0; i < 3; ++i) out[i] = HostTensor::zeros(in[i + 1].shape);
  std::vector<double> scores;
  for (std::int64_t n = 0; n < in[0].shape[0]; ++n)
    for (std::int64_t head = 0; head < heads; ++head)
      for (std::int64_t i = 0; i < q.pixels(); ++i) {
        scores_of(q, k, scale, n, head, i, scores);
        const double log_sum = in[5].at(n, head, i / in[5].shape[3], i % in[5].shape[3]);
        double along = in[6].present ? -in[6].at(n, head, i / in[5].shape[3], i % in[5].shape[3]) : 0;
        for (std::int64_t c = 0; c < v.width(); ++c) along += gy.at(n, head, i, c) * y.at(n, head, i, c);
        for (std::int64_t j = 0; j < k.pixels(); ++j) {
          const double weight = std::exp(scores[static_cast<std::size_t>(j)] - log_sum);
          double product = 0;
          for (std::int64_t c = 0; c < v.width(); ++c) {
            product += gy.at(n, head, i, c) * v.at(n, head, j, c);
            place(out[2], v, n, head, j, c) += weight * gy.at(n, head, i, c);
          }
          const double of_score = weight * (product - along) * scale;
          for (std::int64_t c = 0; c < q.width(); ++c) {
            place(out[0], q, n, head, i, c) += of_score * k.at(n, head, j, c);
            place(out[1], k, n, head, j, c) += of_score * q.at(n, head, i, c);
          }
        }
      }
}

struct Sizes {
  std::int64_t images, heads, width, value_width;
  std::int64_t rows, columns;          // of q
  std::int64_t key_rows, key_columns;  // of k and v
};

// In bf16 by the CPU's matrix units, where it has them.
std::vector<KernelChoice> kernels() {
  std::vector<std::string_view> narrow{"cpu"};
  if (cpu::has_tiles()) narrow.insert(narrow.begin(), "tiles");
  return {{.type = DType::f32, .names = {"cpu"}}, {.type = DType::bf16, .names = narrow}};
}

Case attention(const Sizes& s, double scale = 0, std::int64_t gap = 0) {
  return {
      .op = "attention",
      .attrs = {{"heads", Expr(s.heads)}, {"scale", Expr(scale)}},
      .inputs = {activation({s.images, s.heads * s.width, s.rows, s.columns}, normal(), gap),
                 activation({s.images, s.heads * s.width, s.key_rows, s.key_columns}, normal(), 2 * gap),
                 activation({s.images, s.heads * s.value_width, s.key_rows, s.key_columns}, normal(), gap)},
      .tolerance = 2e-6,
      .output_gap = gap,
      .kernels = kernels()};
}

const Sizes kSizes[] = {
    {1, 1, 32, 32, 16, 16, 16, 16},  // whole blocks, several of keys
    {2, 3, 20, 20, 5, 9, 3, 4},      // channels that do not fill lanes, few keys
    {1, 2, 64, 64, 7, 7, 13, 11},    // more keys than queries
    {2, 5, 16, 24, 1, 33, 1, 129},   // one key more than a block has, values of another width
    {1, 4, 1, 1, 3, 3, 2, 2},       {1, 1, 7, 3, 1, 1, 1, 1}};

BOOST_AUTO_TEST_CASE(averages_by_weights) {
  const OpHarness harness;
  for (const Sizes& sizes : kSizes) harness.check(attention(sizes), reference);
  harness.check(attention(kSizes[1], 0.5, 3), reference);
  harness.check(attention(kSizes[3], -1.5, 1), reference);
}

BOOST_AUTO_TEST_CASE(the_sums_of_weights_are_not_needed) {
  Case test = attention(kSizes[1]);
  test.unwanted = {1};
  OpHarness().check(test, reference);
}

// Scores of some hundreds: their exponentials are beyond f32.
BOOST_AUTO_TEST_CASE(large_scores) {
  Case test = attention({1, 1, 16, 16, 4, 9, 12, 13}, 8);
  test.inputs[0] = activation(test.inputs[0].desc.shape, in_order({4, -6, 2, 8, -3, 7, 1}));
  test.tolerance = 2e-4;
  for (InputCase& input : test.inputs) {
    if (&input != &test.inputs[2])
      input.values = [](core::Random& random) { return std::round(normal(0, 3)(random)); };
  }
  OpHarness().check(test, reference);
}

BOOST_AUTO_TEST_CASE(gradient) {
  const OpHarness harness;
  for (const Sizes& sizes : {kSizes[1], kSizes[2], kSizes[4]})
    harness.check_gradient(attention(sizes), reference);
  harness.check_gradient(attention({1, 2, 5, 6, 3, 4, 2, 3}, 0.7, 2), reference);
}

BOOST_AUTO_TEST_CASE(gradient_kernels) {
  const OpHarness harness;
  for (const Sizes& s : kSizes) {
    const Case forward = attention(s, 0, 3);
    const Shape values{s.images, s.heads * s.value_width, s.rows, s.columns};
    const Shape queries{s.images, s.heads, s.rows, s.columns};
    Case test{
        .op = "attention_grad",
        .attrs = forward.attrs,
        .inputs = {activation(values, normal(), 1), forward.inputs[0], forward.inputs[1], forward.inputs[2],
                   activation(values, normal(), 2), dense(queries, normal(4, 1)), absent()},
        .tolerance = 1e-5,
        .output_gap = 5};
    harness.check(test, gradients);
    test.unwanted = {0};
    harness.check(test, gradients);
    test.unwanted = {1, 2};
    test.inputs.back() = dense(queries);
    harness.check(test, gradients);
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  const auto error = [](const Case& test) {
    const auto result = OpHarness().infer(test);
    return result.ok() ? std::string() : std::string(result.status().message());
  };
  Case test = attention({1, 1, 20, 20, 3, 3, 2, 2});
  test.attrs["heads"] = Expr(3);
  BOOST_TEST(error(test).find("channels of q: expected a multiple of heads, 3, got 20") != std::string::npos,
             error(test));
  test = attention({1, 2, 8, 8, 3, 3, 2, 2});
  test.inputs[1] = activation({1, 8, 2, 2});
  BOOST_TEST(error(test).find("channels of k: expected 16, got 8") != std::string::npos, error(test));
  test = attention({1, 2, 8, 8, 3, 3, 2, 2});
  test.inputs[2] = activation({1, 16, 2, 3});
  BOOST_TEST(error(test).find("v: expected") != std::string::npos, error(test));
}

}  // namespace
}  // namespace graphrun::test
