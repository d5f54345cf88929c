#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "datasets/loader.h"
#include "graphrun/status.h"
#include "training/run/resolve.h"

namespace graphrun::training {

// The crops of a training split as a network of this name would get them, without the network.
struct CropSource {
  datasets::AugmentSettings augment;
  datasets::Sampler sampler;
  std::unique_ptr<datasets::Loader> loader;
};

// `data` must outlive it. Errors: settings that are wrong or leave the crop's size open; ErrorCode::usage.
Result<CropSource> open_crops(const datasets::Dataset& data, const datasets::Descriptor& descriptor,
                              const std::string& network, const SettingSources& sources,
                              const datasets::LoaderSettings& loading);

}  // namespace graphrun::training
