#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "datasets/augment.h"
#include "datasets/dataset.h"
#include "datasets/sampler.h"
#include "graphrun/status.h"

namespace graphrun::datasets {

// One rank's batch, ready for the network. Memory belongs to the loader.
struct Batch {
  std::int64_t iteration = 0;  // since the start of training, from 0
  std::int64_t epoch = 0;
  std::int64_t n = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 3;
  float* image = nullptr;             // NHWC, 64-byte aligned
  std::int32_t* label = nullptr;      // NHW, 64-byte aligned
  std::vector<std::int64_t> samples;  // indices in the data set
};

struct LoaderSettings {
  int workers = 2;         // threads; at least one
  int depth = 3;           // batches in memory, the one in use included; at least two
  std::uint64_t seed = 0;  // of the random transforms
  std::int64_t first = 0;  // iterations since the start of training, over epochs: [first, end)
  std::int64_t end = 0;
  // Gives the memory of batches, 64-byte aligned, null where there is none left; empty: the heap's.
  std::function<std::shared_ptr<void>(std::int64_t bytes)> memory{};
};

// Makes batches ahead of their use. The samples of a batch are made by any worker, but what is delivered, and
// in what order, depends on seeds and iteration alone.
class Loader {
 public:
  // The data set must outlive the loader.
  static Result<std::unique_ptr<Loader>> start(const Dataset& dataset, const Sampler& sampler,
                                               const AugmentSettings& augment,
                                               const LoaderSettings& settings);
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;
  ~Loader();  // stops the workers after the sample that each has in hand

  // Waits for the next batch; it is valid until the following call. An error of any of its samples is the
  // batch's error, and also that of every later call. Precondition: fewer than end - first calls so far.
  Result<const Batch*> next();

 private:
  struct State;
  explicit Loader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace graphrun::datasets
