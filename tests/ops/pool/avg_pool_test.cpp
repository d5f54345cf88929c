#include <boost/test/unit_test.hpp>

#include "tests/ops/byte_case.h"
#include "tests/ops/harness.h"
#include "tests/skip.h"

namespace graphrun::test {
namespace {

AttrValue pair(std::int64_t a, std::int64_t b) { return std::vector<Expr>{a, b}; }

struct Window {
  std::int64_t kh, kw, sh, sw, ph, pw;
  AttrMap attrs(bool count_padding) const {
    return {{"kernel", pair(kh, kw)},
            {"stride", pair(sh, sw)},
            {"padding", pair(ph, pw)},
            {"count_padding", Expr(count_padding ? 1 : 0)}};
  }
};

// visit(y row, y column, x row, x column, share)
template <class Visit>
void visit_windows(const Attributes& attrs, const Shape& x, const Shape& y, const Visit& visit) {
  const auto k = attrs.integers("kernel");
  const auto s = attrs.integers("stride");
  const auto p = attrs.integers("padding");
  for (std::int64_t oy = 0; oy < y[2]; ++oy)
    for (std::int64_t ox = 0; ox < y[3]; ++ox) {
      std::vector<std::pair<std::int64_t, std::int64_t>> pixels;
      for (std::int64_t i = 0; i < k[0] * k[1]; ++i) {
        const std::int64_t iy = oy * s[0] - p[0] + i / k[1];
        const std::int64_t ix = ox * s[1] - p[1] + i % k[1];
        if (iy >= 0 && iy < x[2] && ix >= 0 && ix < x[3]) pixels.emplace_back(iy, ix);
      }
      const auto count = static_cast<double>(attrs.flag("count_padding") ? k[0] * k[1] : std::ssize(pixels));
      for (const auto& [iy, ix] : pixels) visit(oy, ox, iy, ix, 1 / count);
    }
}

Shape pooled(const Window& w, const Shape& x) {
  return {x[0], x[1], (x[2] + 2 * w.ph - w.kh) / w.sh + 1, (x[3] + 2 * w.pw - w.kw) / w.sw + 1};
}

Reference average(const Window& w) {
  return [w](const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
    const Shape& x = in[0].shape;
    out[0] = HostTensor::zeros(pooled(w, x));
    visit_windows(attrs, x, out[0].shape, [&](auto oy, auto ox, auto iy, auto ix, double share) {
      for (std::int64_t n = 0; n < x[0]; ++n)
        for (std::int64_t c = 0; c < x[1]; ++c) out[0].at(n, c, oy, ox) += share * in[0].at(n, c, iy, ix);
    });
  };
}

const std::pair<Window, Shape> kCases[] = {
    {{3, 3, 2, 2, 1, 1}, {2, 70, 9, 8}},    {{5, 5, 2, 2, 2, 2}, {1, 35, 12, 11}},
    {{17, 17, 8, 8, 8, 8}, {1, 5, 20, 33}}, {{2, 5, 3, 1, 1, 0}, {1, 5, 7, 11}},
    {{2, 2, 2, 2, 0, 0}, {2, 64, 6, 4}},    {{1, 3, 1, 1, 0, 1}, {1, 3, 4, 1}}};

BOOST_AUTO_TEST_CASE(averages_and_their_gradients) {
  const OpHarness harness;
  for (const auto& [window, x] : kCases) {
    for (const bool count_padding : {true, false}) {
      const Case test{.op = "avg_pool",
                      .attrs = window.attrs(count_padding),
                      .inputs = {activation(x, normal(), 3)},
                      .tolerance = 2e-6,
                      .output_gap = 5};
      harness.check(test, average(window));
      harness.check_gradient(test, average(window));
      const auto adjoint = [](const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                              const Attributes& attrs) {
        const Shape& from = in[1].shape;
        out[0] = HostTensor::zeros(from);
        visit_windows(attrs, from, in[0].shape, [&](auto oy, auto ox, auto iy, auto ix, double share) {
          for (std::int64_t n = 0; n < from[0]; ++n)
            for (std::int64_t c = 0; c < from[1]; ++c)
              out[0].at(n, c, iy, ix) += share * in[0].at(n, c, oy, ox);
        });
      };
      harness.check({.op = "avg_pool_grad",
                     .attrs = window.attrs(count_padding),
                     .inputs = {activation(pooled(window, x), normal(), 2), activation(x)},
                     .tolerance = 2e-6,
                     .output_gap = 1},
                    adjoint);
    }
  }
}

BOOST_AUTO_TEST_CASE(padding_of_more_than_half_a_window_is_refused) {
  const auto result = OpHarness().infer({.op = "avg_pool",
                                         .attrs = Window{3, 3, 1, 1, 2, 1}.attrs(true),
                                         .inputs = {activation({1, 2, 5, 5})}});
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST(result.status().message().find("padding") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(averages_of_bytes, *needs("host")) {
  if (!has_byte_kernels()) return;
  for (const auto& [window, x] : kCases) {
    for (const Quantisation& q : kByteScales) {
      for (const bool count_padding : {true, false}) {
        const ByteCase test{.op = "avg_pool",
                            .attrs = window.attrs(count_padding),
                            .inputs = {{x, q, 3}},
                            .y = q,
                            .output_gap = 5};
        const bool pads = window.ph > 0 || window.pw > 0;
        if (count_padding && pads && q.zero_point != 0) {
          BOOST_TEST(bytes_are_declined(test));
        } else {
          check_bytes(test, average(window));
        }
      }
    }
  }
}

}  // namespace
}  // namespace graphrun::test
