#pragma once

#include <ostream>

#include "tests/ops/harness.h"

// Convolutions as one would write them down.
namespace graphrun::test {

struct Window {
  std::int64_t n, c, h, w, o;
  std::int64_t kh = 3, kw = 3;
  std::int64_t sh = 1, sw = 1;
  std::int64_t ph = 1, pw = 1;
  std::int64_t dh = 1, dw = 1;
  std::int64_t gap = 0;
  std::int64_t groups = 1;

  std::int64_t oh() const { return (h + 2 * ph - dh * (kh - 1) - 1) / sh + 1; }
  std::int64_t ow() const { return (w + 2 * pw - dw * (kw - 1) - 1) / sw + 1; }
  Shape x() const { return {n, c, h, w}; }
  Shape y() const { return {n, o, oh(), ow()}; }
  Shape weight() const { return {o, c / groups, kh, kw}; }
  // Of those that output o reads.
  std::int64_t first_channel(std::int64_t output) const { return output / (o / groups) * (c / groups); }
  AttrMap attrs() const {
    return {{"kernel", std::vector<Expr>{kh, kw}},
            {"stride", std::vector<Expr>{sh, sw}},
            {"padding", std::vector<Expr>{ph, pw}},
            {"dilation", std::vector<Expr>{dh, dw}},
            {"groups", Expr(groups)}};
  }
};

inline std::ostream& operator<<(std::ostream& out, const Window& v) {
  return out << to_string(v.x()) << " -> " << to_string(v.y()) << ", kernel " << v.kh << "x" << v.kw
             << ", stride " << v.sh << "x" << v.sw << ", padding " << v.ph << "x" << v.pw << ", dilation "
             << v.dh << "x" << v.dw << ", gap " << v.gap << ", groups " << v.groups;
}

// visit(y pixel, x pixel, tap) for all that a window reads inside of x.
template <class Visit>
void visit_windows(const Window& v, const Visit& visit) {
  for (std::int64_t n = 0; n < v.n; ++n)
    for (std::int64_t oh = 0; oh < v.oh(); ++oh)
      for (std::int64_t ow = 0; ow < v.ow(); ++ow)
        for (std::int64_t k = 0; k < v.kh; ++k)
          for (std::int64_t l = 0; l < v.kw; ++l) {
            const std::int64_t ih = oh * v.sh - v.ph + k * v.dh;
            const std::int64_t iw = ow * v.sw - v.pw + l * v.dw;
            if (ih >= 0 && ih < v.h && iw >= 0 && iw < v.w) visit(n, oh, ow, ih, iw, k, l);
          }
}

// visit(index in y, index in x, index in the weight) for all products of the convolution. Indices alone:
// under sanitizers each step through a tensor would cost more than the product.
template <class Visit>
void visit_products(const Window& v, const Visit& visit) {
  const std::int64_t y_plane = v.oh() * v.ow(), x_plane = v.h * v.w, taps = v.kh * v.kw;
  const std::int64_t outputs = v.o, channels = v.c / v.groups;
  visit_windows(v, [&](auto n, auto oh, auto ow, auto ih, auto iw, auto k, auto l) {
    std::int64_t y = n * outputs * y_plane + oh * v.ow() + ow;
    std::int64_t weight = k * v.kw + l;
    for (std::int64_t o = 0; o < outputs; ++o, y += y_plane) {
      std::int64_t x = (n * v.c + v.first_channel(o)) * x_plane + ih * v.w + iw;
      for (std::int64_t c = 0; c < channels; ++c, x += x_plane, weight += taps) visit(y, x, weight);
    }
  });
}

inline HostTensor convolve(const Window& v, const HostTensor& x, const HostTensor& weight,
                           const HostTensor& bias) {
  HostTensor y = HostTensor::zeros(v.y());
  double* const sums = y.values.data();
  const double* const pixels = x.values.data();
  const double* const taps = weight.values.data();
  visit_products(v, [=](auto to, auto from, auto tap) { sums[to] += pixels[from] * taps[tap]; });
  for (std::int64_t i = 0; bias.present && i < y.shape.count(); ++i)
    y.values[static_cast<std::size_t>(i)] +=
        bias.values[static_cast<std::size_t>(i / (v.oh() * v.ow()) % v.o)];
  return y;
}

}  // namespace graphrun::test
