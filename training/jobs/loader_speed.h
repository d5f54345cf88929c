#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "datasets/descriptor.h"
#include "graphrun/status.h"
#include "training/run/resolve.h"

namespace graphrun::training {

struct LoaderSpeed {
  std::int64_t images = 0;
  double seconds = 0;      // by the clock
  double cpu_seconds = 0;  // of all threads
  std::int64_t height = 0;
  std::int64_t width = 0;
};

// Makes training batches of a split for about so many seconds and throws them away: what the loader alone can
// deliver, with the recipe of a network and so many worker threads. Only whole batches count.
Result<LoaderSpeed> measure_loader(const datasets::Descriptor& descriptor, const std::string& split,
                                   const std::optional<std::filesystem::path>& data_root,
                                   const std::string& network, const SettingSources& sources, int workers,
                                   double seconds);

}  // namespace graphrun::training
