#include "tools/bench/stream_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <thread>

namespace graphrun::tools {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

std::vector<std::uint8_t> noise(const StreamLoad& load, std::int64_t channels) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(load.height * load.width * channels));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 7919 >> 3);
  return pixels;
}

// Seconds of images, one after the other; the first, in which memory is taken, does not count.
Result<double> time_alone(Labeler& labeler, const ImageView& image) {
  constexpr int kImages = 21;
  std::vector<double> seconds;
  for (int i = -1; i < kImages; ++i) {
    const auto start = Clock::now();
    GRAPHRUN_TRY(status_of(labeler.label(image)));
    if (i >= 0) seconds.push_back(seconds_between(start, Clock::now()));
  }
  std::ranges::nth_element(seconds, seconds.begin() + kImages / 2);
  return seconds[kImages / 2];
}

}  // namespace

double StreamTimes::percentile(double share) const {
  if (latencies.empty()) return 0;
  const auto place = static_cast<std::size_t>(std::ceil(share * static_cast<double>(latencies.size())));
  return latencies[std::clamp<std::size_t>(place, 1, latencies.size()) - 1];
}

Result<StreamTimes> measure_streams(LabelQueue& queue, const StreamLoad& load) {
  const std::vector<std::uint8_t> pixels = noise(load, queue.labeler().channels());
  const ImageView image{pixels.data(), load.height, load.width, queue.labeler().channels()};
  StreamTimes times;
  GRAPHRUN_ASSIGN(times.alone, time_alone(queue.labeler(), image));
  times.rate = load.rate > 0 ? load.rate : 2 / (times.alone * load.streams);
  std::mutex mutex;  // guards the latencies and the error
  Status error;
  const double step = 1 / (times.rate * load.streams);
  const auto start = Clock::now();
  Status offered;
  for (std::int64_t i = 0; offered.ok() && static_cast<double>(i) * step < load.seconds; ++i) {
    const auto due = start + std::chrono::duration_cast<Clock::duration>(
                                 std::chrono::duration<double>(static_cast<double>(i) * step));
    std::this_thread::sleep_until(due);
    const auto hear = [&, due](const Result<LabelMap>& map) {
      const std::lock_guard lock(mutex);
      if (map.ok()) {
        times.latencies.push_back(seconds_between(due, Clock::now()));
      } else if (map.status().code() != ErrorCode::interrupted) {
        error = map.status();
      }
    };
    offered = queue.offer(static_cast<int>(i % load.streams), image, hear);
  }
  queue.wait();
  times.seconds = seconds_between(start, Clock::now());
  times.counts = queue.counts();
  GRAPHRUN_TRY(offered);
  GRAPHRUN_TRY(error);
  std::ranges::sort(times.latencies);
  return times;
}

std::string describe(const StreamTimes& times, bool json) {
  const auto& [offered, labelled, dropped] = times.counts;
  const double p50 = times.percentile(0.5), p95 = times.percentile(0.95), p99 = times.percentile(0.99);
  const double throughput = static_cast<double>(times.latencies.size()) / times.seconds;
  if (json) {
    return fmt::format(
        "{{\"alone_s\": {}, \"rate\": {}, \"seconds\": {}, \"offered\": {}, \"labelled\": {}, \"dropped\": "
        "{}, "
        "\"images_per_s\": {}, \"p50_s\": {}, \"p95_s\": {}, \"p99_s\": {}}}\n",
        times.alone, times.rate, times.seconds, offered, labelled, dropped, throughput, p50, p95, p99);
  }
  return fmt::format(
      "alone {:.4f} s an image; {:.2f} images a second of each stream, {:.1f} s:\n{} offered, {} labelled "
      "({:.2f} "
      "a second), {} dropped; from offered to labelled p50 {:.4f}, p95 {:.4f}, p99 {:.4f} s\n",
      times.alone, times.rate, times.seconds, offered, labelled, throughput, dropped, p50, p95, p99);
}

}  // namespace graphrun::tools
