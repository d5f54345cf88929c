#include "datasets/channel_counts.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace graphrun::datasets {
namespace {

constexpr std::size_t kNumbers = 65536;
constexpr std::int64_t kOfImage = 1024;  // numbers of an image that are kept where there is no histogram

double percentile(std::vector<float>& numbers, double share) {
  if (numbers.empty()) return 0;
  const auto at =
      numbers.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(numbers.size() - 1));
  std::ranges::nth_element(numbers, at);
  return static_cast<double>(*at);
}

double percentile(const std::vector<std::int64_t>& histogram, std::int64_t count, double share) {
  const auto wanted = static_cast<std::int64_t>(share * static_cast<double>(count - 1));
  std::int64_t below = 0;
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    below += histogram[i];
    if (below > wanted) return static_cast<double>(i);
  }
  return 0;
}

}  // namespace

void ChannelCounts::add(const imaging::Image& image) {
  if (channels_.empty()) {
    channels_.resize(static_cast<std::size_t>(image.channels));
    for (Channel& channel : channels_) channel.histogram.resize(kNumbers);
  }
  if (image.channels != std::ssize(channels_)) return;
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    const auto index = static_cast<std::int64_t>(c);
    if (image.is_rgb()) {
      add_bytes(image, index, channels_[c]);
    } else {
      add_numbers(image, index, channels_[c]);
    }
  }
}

void ChannelCounts::add_bytes(const imaging::Image& image, std::int64_t index, Channel& channel) {
  std::array<std::int64_t, 256> found{};
  for (auto at = static_cast<std::size_t>(index); at < image.rgb.size(); at += 3) ++found[image.rgb[at]];
  for (std::size_t value = 0; value < found.size(); ++value) {
    channel.histogram[value] += found[value];
    channel.count += found[value];
    channel.sum += static_cast<double>(found[value]) * static_cast<double>(value);
    channel.squares += static_cast<double>(found[value]) * static_cast<double>(value * value);
  }
}

void ChannelCounts::add_numbers(const imaging::Image& image, std::int64_t index, Channel& channel) {
  const std::int64_t pixels = image.height * image.width;
  const std::int64_t step = pixels / kOfImage + 1;
  channel.count += pixels;
  for (std::int64_t i = 0; i < pixels; ++i) {
    const auto value =
        static_cast<double>(image.values[static_cast<std::size_t>(i * image.channels + index)]);
    channel.sum += value;
    channel.squares += value * value;
    const bool fits = value >= 0 && value < static_cast<double>(kNumbers) && value == std::floor(value);
    if (fits) ++channel.histogram[static_cast<std::size_t>(value)];
    channel.is_whole = channel.is_whole && fits;
    if (i % step == 0) channel.some.push_back(static_cast<float>(value));
  }
}

void ChannelCounts::merge(const ChannelCounts& other) {
  if (channels_.empty())
    channels_ = other.channels_;
  else if (other.channels_.size() == channels_.size()) {
    for (std::size_t c = 0; c < channels_.size(); ++c) {
      Channel& to = channels_[c];
      const Channel& from = other.channels_[c];
      to.count += from.count;
      to.sum += from.sum;
      to.squares += from.squares;
      to.is_whole = to.is_whole && from.is_whole;
      for (std::size_t i = 0; i < to.histogram.size(); ++i) to.histogram[i] += from.histogram[i];
      to.some.insert(to.some.end(), from.some.begin(), from.some.end());
    }
  }
}

std::vector<ChannelStatistics> ChannelCounts::statistics() const {
  std::vector<ChannelStatistics> all;
  for (const Channel& channel : channels_) {
    if (channel.count == 0) continue;
    const auto count = static_cast<double>(channel.count);
    ChannelStatistics& of = all.emplace_back();
    of.mean = channel.sum / count;
    of.deviation = std::sqrt(std::max(0.0, channel.squares / count - of.mean * of.mean));
    std::vector<float> some = channel.some;
    const auto share = [&](double part) {
      return channel.is_whole ? percentile(channel.histogram, channel.count, part) : percentile(some, part);
    };
    of.low = share(0.01);
    of.median = share(0.5);
    of.high = share(0.99);
  }
  return all;
}

}  // namespace graphrun::datasets
