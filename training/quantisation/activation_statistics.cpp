#include "training/quantisation/activation_statistics.h"

#include <algorithm>

namespace graphrun::training {
namespace {

// Pixels of an image's activation that are looked at; neighbours are much alike.
constexpr std::int64_t kMaxValues = std::int64_t{1} << 13;

bool is_map(const TensorView& view) {
  return view.data != nullptr && view.desc.layout == Layout::nhwc && view.desc.dtype == DType::f32;
}

// visit(pixel's values) for some of the pixels, at even distances.
template <class Visit>
void for_some_pixels(const TensorView& view, const Visit& visit) {
  const std::int64_t wanted = std::max<std::int64_t>(1, kMaxValues / view.desc.c());
  // Odd, so that it does not fall upon the same columns in each row.
  const std::int64_t step = (view.desc.pixels() + wanted - 1) / wanted | 1;
  for (std::int64_t pixel = 0; pixel < view.desc.pixels(); pixel += step)
    visit(std::span(view.as<const float>() + pixel * view.desc.pixel_stride,
                    static_cast<std::size_t>(view.desc.c())));
}

}  // namespace

void ActivationStatistics::before(const session::StepView& step) {
  if (step.inputs.empty() || !is_map(step.inputs[0])) return;
  const bool reads_weight = std::ranges::any_of(step.inputs, [](const TensorView& input) {
    return input.desc.layout == Layout::dense && input.data != nullptr;
  });
  if (!reads_weight) return;
  Means& means = means_[std::string(step.path)];
  means.sums.resize(static_cast<std::size_t>(step.inputs[0].desc.c()), 0);
  for_some_pixels(step.inputs[0], [&](std::span<const float> pixel) {
    for (std::size_t c = 0; c < pixel.size(); ++c) means.sums[c] += static_cast<double>(pixel[c]);
    means.pixels += 1;
  });
}

void ActivationStatistics::after(const session::StepView& step) {
  if (!step.outputs.empty() && is_map(step.outputs[0])) add(std::string(step.path), step.outputs[0]);
}

void ActivationStatistics::add(const std::string& name, const TensorView& values) {
  sampled_.clear();
  for_some_pixels(values, [&](std::span<const float> pixel) {
    sampled_.insert(sampled_.end(), pixel.begin(), pixel.end());
  });
  ranges_[name].add(sampled_);
}

std::vector<double> ActivationStatistics::input_means(const std::string& path) const {
  const auto found = means_.find(path);
  if (found == means_.end()) return {};
  std::vector<double> means = found->second.sums;
  for (double& mean : means) mean /= found->second.pixels;
  return means;
}

weights::ActivationScales ActivationStatistics::scales(const std::map<std::string, std::string>& shared,
                                                       const std::vector<std::string>& wide) const {
  const auto set_of = [&](const std::string& name) {
    const auto found = shared.find(name);
    return found == shared.end() ? name : found->second;
  };
  std::map<std::string, RangeHistogram> joined;
  for (const auto& [name, range] : ranges_) joined[set_of(name)].merge(range);
  std::map<std::string, Quantisation> best;
  for (const auto& [name, range] : joined) best[name] = range.best();
  weights::ActivationScales scales;
  for (const auto& [name, range] : ranges_) {
    if (std::ranges::find(wide, name) == wide.end()) scales[name] = best.at(set_of(name));
  }
  return scales;
}

}  // namespace graphrun::training
