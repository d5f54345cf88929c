#include <boost/test/unit_test.hpp>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

AttrMap attrs(const char* type, int mask_h, int mask_w, bool compact = false) {
  return {{"type", std::string(type)},
          {"mask", std::vector<Expr>{mask_h, mask_w}},
          {"compact", Expr(compact ? 1 : 0)}};
}

// Calls visit(n, place in the mask, own, from, to): `own` is the pixel whose mask it is, y has the value as
// channel `from` of pixel `to`.
template <class Visit>
void visit_masks(const Shape& x, const Attributes& attrs, const Visit& visit) {
  const std::vector<std::int64_t> mask = attrs.integers("mask");
  const std::int64_t h = x[2], w = x[3];
  for (std::int64_t n = 0; n < x[0]; ++n)
    for (std::int64_t own = 0; own < h * w; ++own)
      for (std::int64_t other = 0; other < h * w; ++other) {
        std::int64_t row = other / w, column = other % w;
        if (!attrs.flag("compact")) {
          row += mask[0] / 2 - own / w;
          column += mask[1] / 2 - own % w;
        }
        if (row < 0 || row >= mask[0] || column < 0 || column >= mask[1]) continue;
        const bool collect = attrs.text("type") == "collect";
        visit(n, row * mask[1] + column, own, collect ? other : own, collect ? own : other);
      }
}

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  const Shape& x = in[0].shape;
  out[0] = HostTensor::zeros({x[0], x[2] * x[3], x[2], x[3]});
  visit_masks(x, attrs, [&](auto n, auto place, auto own, auto from, auto to) {
    out[0].at(n, from, to / x[3], to % x[3]) = in[0].at(n, place, own / x[3], own % x[3]);
  });
}

BOOST_AUTO_TEST_CASE(masks_of_all_sizes) {
  const OpHarness harness;
  for (const char* type : {"collect", "distribute"}) {
    const auto check = [&](int mask_h, int mask_w, const Shape& x, std::int64_t gap) {
      harness.check({.op = "psa_mask",
                     .attrs = attrs(type, mask_h, mask_w),
                     .inputs = {activation(x, normal(), gap)},
                     .tolerance = 0,
                     .output_gap = gap},
                    reference);
    };
    check(7, 9, {2, 63, 4, 5}, 0);  // reaches every place
    check(3, 5, {2, 15, 4, 6}, 3);
    check(9, 3, {1, 27, 3, 7}, 1);  // more than the map, and less
    check(1, 1, {1, 1, 2, 3}, 0);
    check(3, 3, {1, 9, 1, 1}, 0);
    harness.check({.op = "psa_mask",
                   .attrs = attrs(type, 3, 5, true),
                   .inputs = {activation({2, 15, 3, 5}, normal(), 2)},
                   .tolerance = 0},
                  reference);
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  const OpHarness harness;
  for (const char* type : {"collect", "distribute"}) {
    harness.check_gradient(
        {.op = "psa_mask", .attrs = attrs(type, 3, 5), .inputs = {activation({2, 15, 3, 4}, normal(), 1)}},
        reference, {.samples = 200});
    harness.check_gradient(
        {.op = "psa_mask", .attrs = attrs(type, 5, 9), .inputs = {activation({1, 45, 3, 2})}}, reference,
        {.samples = 200});
    harness.check_gradient(
        {.op = "psa_mask", .attrs = attrs(type, 3, 4, true), .inputs = {activation({2, 12, 3, 4})}},
        reference, {.samples = 200});
  }
}

BOOST_AUTO_TEST_CASE(gradient_kernel_takes_strides) {
  for (const char* type : {"collect", "distribute"}) {
    OpHarness().check({.op = "psa_mask_grad",
                       .attrs = attrs(type, 5, 3),
                       .inputs = {activation({2, 24, 4, 6}, normal(), 3), activation({2, 15, 4, 6})},
                       .tolerance = 0,
                       .output_gap = 2},
                      [](const auto& in, auto& out, const Attributes& attrs) {
                        const Shape& x = in[1].shape;
                        out[0] = HostTensor::zeros(x);
                        visit_masks(x, attrs, [&](auto n, auto place, auto own, auto from, auto to) {
                          out[0].at(n, place, own / x[3], own % x[3]) =
                              in[0].at(n, from, to / x[3], to % x[3]);
                        });
                      });
  }
}

BOOST_AUTO_TEST_CASE(masks_that_do_not_fit_are_errors) {
  const OpHarness harness;
  const auto message = [&](AttrMap attrs, const Shape& x) {
    const auto types =
        harness.infer({.op = "psa_mask", .attrs = std::move(attrs), .inputs = {activation(x)}});
    return types.ok() ? "" : types.status().message();
  };
  BOOST_TEST(message(attrs("collect", 3, 4), {1, 12, 3, 4}).find("mask: expected odd numbers, got (3, 4)") !=
             std::string::npos);
  BOOST_TEST(message(attrs("collect", 3, 5), {1, 9, 3, 4}).find("channels of x: expected 15, got 9") !=
             std::string::npos);
  BOOST_TEST(message(attrs("distribute", 3, 4, true), {1, 12, 4, 4}).find("compact, (4, 4), got (3, 4)") !=
             std::string::npos);
}

}  // namespace
}  // namespace graphrun::test
