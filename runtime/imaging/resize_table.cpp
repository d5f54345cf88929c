#include "runtime/imaging/resize_table.h"

#include <algorithm>
#include <cmath>

#include "runtime/numeric/sampling.h"

namespace graphrun::imaging {

void ResizeTable::divide_by(std::span<const std::int32_t> counts) {
  for (std::size_t i = 0; i < first.size(); ++i) {
    first_weight[i] /= static_cast<float>(counts[static_cast<std::size_t>(first[i])]);
    second_weight[i] /= static_cast<float>(counts[static_cast<std::size_t>(second[i])]);
  }
}

ResizeTable linear_taps(std::int64_t from, std::int64_t to) {
  const double step = 1.0 / (static_cast<double>(to) / static_cast<double>(from));
  const auto last = static_cast<std::int32_t>(from - 1);
  ResizeTable taps;
  for (std::int64_t i = 0; i < to; ++i) {
    const auto position = static_cast<float>((static_cast<double>(i) + 0.5) * step - 0.5);
    const float below = std::floor(position);
    float fraction = position - below;
    auto first = static_cast<std::int32_t>(below);
    if (first < 0 || first >= last) {
      first = first < 0 ? 0 : last;
      fraction = 0;
    }
    taps.first.push_back(first);
    taps.second.push_back(first < last ? first + 1 : last);
    taps.first_weight.push_back(1.0f - fraction);
    taps.second_weight.push_back(fraction);
  }
  return taps;
}

void WeightedResizeTable::add(std::int32_t sample, float by) {
  if (by == 0) return;
  const auto known = std::find(index.begin() + begin.back(), index.end(), sample);
  if (known != index.end()) {
    weight[static_cast<std::size_t>(known - index.begin())] += by;
  } else {
    index.push_back(sample);
    weight.push_back(by);
  }
}

WeightedResizeTable interpolation_taps(numeric::Interpolation rule, std::int64_t from, std::int64_t to) {
  WeightedResizeTable taps;
  for (const numeric::InterpolationWeights& tap : numeric::sampling(rule, from, to).taps) {
    taps.add(tap.first, tap.first_weight);
    taps.add(tap.second, tap.second_weight);
    taps.end_output();
  }
  return taps;
}

WeightedResizeTable through(const WeightedResizeTable& inner, const ResizeTable& outer) {
  WeightedResizeTable taps;
  const auto add = [&](std::int32_t read, float by) {
    const auto output = static_cast<std::size_t>(read);
    for (auto i = static_cast<std::size_t>(inner.begin[output]);
         i < static_cast<std::size_t>(inner.begin[output + 1]); ++i)
      taps.add(inner.index[i], by * inner.weight[i]);
  };
  for (std::size_t i = 0; i < outer.first.size(); ++i) {
    add(outer.first[i], outer.first_weight[i]);
    add(outer.second[i], outer.second_weight[i]);
    taps.end_output();
  }
  return taps;
}

WeightedResizeTable reversed(const WeightedResizeTable& taps) {
  WeightedResizeTable turned;
  for (auto output = static_cast<std::size_t>(taps.size()); output-- > 0;) {
    for (auto i = static_cast<std::size_t>(taps.begin[output]);
         i < static_cast<std::size_t>(taps.begin[output + 1]); ++i)
      turned.add(taps.index[i], taps.weight[i]);
    turned.end_output();
  }
  return turned;
}

}  // namespace graphrun::imaging
