#include "training/jobs/loader_speed.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "datasets/loader.h"
#include "runtime/model/graph.h"
#include "training/setup.h"

namespace graphrun::training {
namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

Result<LoaderSpeed> measure_loader(const datasets::Descriptor& descriptor, const std::string& split,
                                   const std::optional<std::filesystem::path>& data_root,
                                   const std::string& network, const SettingSources& sources, int workers,
                                   double seconds) {
  using Clock = std::chrono::steady_clock;
  model::Model model;
  model.name = network;
  model.preprocess = {255, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
  GRAPHRUN_ASSIGN(const SettingTable settings, resolve_settings(model, &descriptor, sources));
  for (const char* size : {"train_h", "train_w"}) {
    if (!settings.has_value(size))
      return {ErrorCode::usage, std::string(size) + " is missing: give it with --set"};
  }
  GRAPHRUN_ASSIGN(const std::unique_ptr<datasets::Dataset> data,
                  datasets::open_dataset(descriptor, split, data_root));
  const std::int64_t batch = std::min(settings.integer("batch_size"), data->size());
  GRAPHRUN_ASSIGN(const datasets::Sampler sampler,
                  datasets::Sampler::make(
                      {.samples = data->size(), .batch_size = batch, .shuffle = settings.flag("shuffle")}));
  const datasets::AugmentSettings augment = augment_settings(settings, model.preprocess);
  datasets::LoaderSettings loading;
  loading.workers = workers;
  loading.end = INT64_MAX / 2;
  LoaderSpeed speed{0, 0, 0, augment.train_h, augment.train_w};
  GRAPHRUN_ASSIGN(const std::unique_ptr<datasets::Loader> loader,
                  datasets::Loader::start(*data, sampler, augment, loading));
  // The first batches fill the loader's memory and the machine's file cache.
  for (int i = 0; i < loading.depth; ++i) GRAPHRUN_TRY(loader->next());
  const auto start = Clock::now();
  const double cpu_start = cpu_seconds();
  while (speed.seconds < seconds) {
    GRAPHRUN_ASSIGN(const datasets::Batch* made, loader->next());
    speed.images += made->n;
    speed.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }
  speed.cpu_seconds = cpu_seconds() - cpu_start;
  return speed;
}

}  // namespace graphrun::training
