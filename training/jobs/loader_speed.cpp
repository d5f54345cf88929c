#include "training/jobs/loader_speed.h"

#include <sys/resource.h>

#include <chrono>

#include "training/jobs/crop_source.h"

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
  GRAPHRUN_ASSIGN(const std::unique_ptr<datasets::Dataset> data,
                  datasets::open_dataset(descriptor, split, data_root));
  datasets::LoaderSettings loading;
  loading.workers = workers;
  loading.end = INT64_MAX / 2;
  GRAPHRUN_ASSIGN(const CropSource source, open_crops(*data, descriptor, network, sources, loading));
  datasets::Loader* const loader = source.loader.get();
  LoaderSpeed speed{0, 0, 0, source.augment.train_h, source.augment.train_w};
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
