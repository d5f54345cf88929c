#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "graphrun/status.h"
#include "training/jobs/data.h"
#include "training/run/resolve.h"

namespace graphrun::training {

struct PreviewRequest {
  JobData data;
  std::string split = "train";
  std::string network;  // whose recipe the data set has settings for; empty: none's
  SettingSources settings;
  std::int64_t crops = 12;
  std::uint64_t seed = 0;        // of order and transforms, as a run's
  std::filesystem::path output;  // a PNG
};

struct PreviewOutcome {
  std::int64_t crops = 0;
  imaging::Extent size;  // of a crop
};

// Writes a sheet of training crops as the network sees them, transforms and normalisation undone for the eye,
// each with its label beside it, and a legend of the classes that occur: the first ones that a run with this
// seed trains on. Errors: settings that leave the crop's size open; a split without labels; data; disk.
Result<PreviewOutcome> write_preview(const PreviewRequest& request);

}  // namespace graphrun::training
