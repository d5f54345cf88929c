#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graphrun/label_queue.h"

// How a machine keeps up with cameras: streams that offer images at a steady rate to a LabelQueue.
namespace graphrun::tools {

struct StreamLoad {
  int streams = 1;
  double rate = 0;  // images a second of each stream; 0: twice what the machine can label
  double seconds = 10;
  std::int64_t height = 0;  // of the images
  std::int64_t width = 0;
};

struct StreamTimes {
  double alone = 0;  // median seconds of an image while nothing else is labelled
  double rate = 0;   // of each stream
  double seconds = 0;
  LabelQueueCounts counts;
  std::vector<double> latencies;  // from offered to labelled, sorted

  // A percentile of the latencies; 0 without any.
  double percentile(double share) const;
};

// Two lines for people, or one JSON object.
std::string describe(const StreamTimes& times, bool json);

// Streams offer in turn, evenly spread over the time between two images of one. The queue must be idle.
Result<StreamTimes> measure_streams(LabelQueue& queue, const StreamLoad& load);

}  // namespace graphrun::tools
