#include "training/jobs/crop_source.h"

#include <algorithm>
#include <string>
#include <utility>

#include "runtime/model/graph.h"
#include "training/run/data_scaling.h"
#include "training/setup.h"

namespace graphrun::training {

Result<CropSource> open_crops(const datasets::Dataset& data, const datasets::Descriptor& descriptor,
                              const std::string& network, const SettingSources& sources,
                              const datasets::LoaderSettings& loading) {
  model::Model model;
  model.name = network;
  model.preprocess = data_scaling({255, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}}, descriptor);
  GRAPHRUN_ASSIGN(const SettingTable settings, resolve_settings(model, &descriptor, sources));
  for (const char* size : {"train_h", "train_w"}) {
    if (!settings.has_value(size))
      return {ErrorCode::usage, std::string(size) + " is missing: give it with --set"};
  }
  const std::int64_t batch = std::min(settings.integer("batch_size"), data.size());
  GRAPHRUN_ASSIGN(const datasets::Sampler sampler,
                  datasets::Sampler::make({.samples = data.size(),
                                           .batch_size = batch,
                                           .shuffle = settings.flag("shuffle"),
                                           .seed = loading.seed}));
  const datasets::AugmentSettings augment = augment_settings(settings, model.preprocess);
  GRAPHRUN_ASSIGN(std::unique_ptr<datasets::Loader> loader,
                  datasets::Loader::start(data, sampler, augment, loading));
  return CropSource{augment, sampler, std::move(loader)};
}

}  // namespace graphrun::training
