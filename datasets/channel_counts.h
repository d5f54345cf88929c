#pragma once

#include <cstdint>
#include <vector>

#include "runtime/imaging/image.h"

namespace graphrun::datasets {

// Statistics of the numbers of one channel, over all images.
struct ChannelStatistics {
  double mean = 0;
  double deviation = 0;
  // 1 % of the numbers are smaller, half of them, 99 %. Of floating-point numbers from a sample of each
  // image.
  double low = 0, median = 0, high = 0;
};

// Adds up the numbers of images by channel.
class ChannelCounts {
 public:
  // Images of other channels than those before are passed over.
  void add(const imaging::Image& image);
  void merge(const ChannelCounts& other);
  std::vector<ChannelStatistics> statistics() const;

 private:
  struct Channel {
    std::int64_t count = 0;
    double sum = 0;
    double squares = 0;
    std::vector<std::int64_t> histogram;  // of whole numbers up to 65535
    std::vector<float> some;              // of other numbers
    bool is_whole = true;
  };
  static void add_bytes(const imaging::Image& image, std::int64_t index, Channel& channel);
  static void add_numbers(const imaging::Image& image, std::int64_t index, Channel& channel);

  std::vector<Channel> channels_;
};

}  // namespace graphrun::datasets
