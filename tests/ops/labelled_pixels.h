#pragma once

#include <cmath>
#include <vector>

#include "tests/ops/host_tensor.h"
#include "tests/ops/resampling.h"

// What losses look at: labelled pixels with their logits, which may be interpolated from a smaller map.
namespace graphrun::test {

struct Place {
  std::int64_t n;     // image
  std::size_t pixel;  // of all images
};

// Visits every pixel whose label is not 255, with its label, its logits at label size and its mixtures. An op
// without attributes of interpolation has logits of the label's size.
template <class Visit>
void each_pixel(const Attributes& attrs, const HostTensor& logits, const HostTensor& label,
                const Visit& visit) {
  const auto mixed = [&](std::int64_t i, std::int64_t in, std::int64_t out) {
    return in == out ? Mixture{i, i, 0} : mixture(attrs, i, in, out);
  };
  std::vector<double> v(static_cast<std::size_t>(logits.shape[1]));
  std::size_t pixel = 0;
  for (std::int64_t n = 0; n < label.shape[0]; ++n)
    for (std::int64_t y = 0; y < label.shape[1]; ++y)
      for (std::int64_t x = 0; x < label.shape[2]; ++x, ++pixel) {
        if (label.values[pixel] == 255) continue;
        const Mixture row = mixed(y, logits.shape[2], label.shape[1]);
        const Mixture column = mixed(x, logits.shape[3], label.shape[2]);
        for (std::int64_t c = 0; c < logits.shape[1]; ++c) {
          const auto blend = [&](std::int64_t w) {
            return (1 - row.weight) * logits.at(n, c, row.first, w) +
                   row.weight * logits.at(n, c, row.second, w);
          };
          v[static_cast<std::size_t>(c)] =
              (1 - column.weight) * blend(column.first) + column.weight * blend(column.second);
        }
        visit(Place{n, pixel}, static_cast<std::int64_t>(label.values[pixel]), v, row, column);
      }
}

inline double exp_sum(const std::vector<double>& v) {
  double sum = 0;
  for (const double value : v) sum += std::exp(value);
  return sum;
}

inline std::vector<double> softmax(const std::vector<double>& v) {
  std::vector<double> p;
  for (const double value : v) p.push_back(std::exp(value) / exp_sum(v));
  return p;
}

// Adds g, by the logits of a pixel at label size, to the logits that these were mixed from.
inline void add_to_sources(const Place& place, const std::vector<double>& g, const Mixture& row,
                           const Mixture& column, HostTensor& to) {
  for (std::int64_t c = 0; c < to.shape[1]; ++c) {
    const double value = g[static_cast<std::size_t>(c)];
    to.at(place.n, c, row.first, column.first) += (1 - row.weight) * (1 - column.weight) * value;
    to.at(place.n, c, row.first, column.second) += (1 - row.weight) * column.weight * value;
    to.at(place.n, c, row.second, column.first) += row.weight * (1 - column.weight) * value;
    to.at(place.n, c, row.second, column.second) += row.weight * column.weight * value;
  }
}

}  // namespace graphrun::test
