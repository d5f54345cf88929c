#include "datasets/loader.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>

#include "runtime/core/guard.h"

namespace graphrun::datasets {

namespace {

// Null: there is none.
std::shared_ptr<void> heap_memory(std::int64_t bytes) {
  constexpr std::align_val_t kAlignment{64};
  void* const memory = ::operator new(static_cast<std::size_t>(bytes), kAlignment, std::nothrow);
  return {memory, [](void* p) { ::operator delete(p, kAlignment); }};
}

struct Slot {
  Batch batch;
  std::shared_ptr<void> image;
  std::shared_ptr<void> label;
  std::int64_t unfinished = 0;  // samples not yet written
  std::int64_t failed = -1;     // the first sample with an error, which `status` holds
  Status status;
  Status begun;  // an error: the batch does not know its samples
};

struct Task {
  Slot* slot = nullptr;
  std::int64_t place = 0;  // in the batch
};

}  // namespace

struct Loader::State {
  const Dataset& dataset;
  const Sampler sampler;
  const AugmentSettings augment;
  const LoaderSettings settings;
  std::vector<Slot> ring;  // iteration i lives in slot i % depth

  std::mutex mutex;
  std::condition_variable room;   // for the workers: a batch may be begun
  std::condition_variable ready;  // for next(): a batch is complete
  bool stopping = false;
  std::int64_t iteration;    // of the next task
  std::int64_t place = 0;    // of the next task
  std::int64_t delivered;    // iterations given out by next()
  std::int64_t free_before;  // batches before this iteration may be begun
  std::int64_t order_epoch = -1;
  std::vector<std::int64_t> order;
  std::vector<std::thread> workers;

  State(const Dataset& data, const Sampler& sampling, const AugmentSettings& augmenting,
        const LoaderSettings& loading)
      : dataset(data),
        sampler(sampling),
        augment(augmenting),
        settings(loading),
        ring(static_cast<std::size_t>(loading.depth)),
        iteration(loading.first),
        delivered(loading.first),
        free_before(loading.first + loading.depth) {}

  Slot& slot_of(std::int64_t i) { return ring[static_cast<std::size_t>(i % settings.depth)]; }

  void begin_batch(Slot& slot) {
    const std::int64_t per_epoch = sampler.iterations_per_epoch();
    slot.batch.iteration = iteration;
    slot.batch.epoch = iteration / per_epoch;
    slot.unfinished = slot.batch.n;
    slot.failed = -1;
    slot.begun = core::guard([&]() -> Status {
      if (slot.batch.epoch != order_epoch) {
        order = sampler.order(slot.batch.epoch);
        order_epoch = slot.batch.epoch;
      }
      const auto samples = sampler.batch(order, iteration % per_epoch);
      slot.batch.samples.assign(samples.begin(), samples.end());
      return {};
    });
  }

  // Waits for work; an empty task means that there is none left.
  Task take() {
    std::unique_lock lock(mutex);
    room.wait(lock, [this] { return stopping || iteration == settings.end || iteration < free_before; });
    if (stopping || iteration == settings.end) return {};
    Slot& slot = slot_of(iteration);
    if (place == 0) begin_batch(slot);
    const Task task{&slot, place};
    if (++place == slot.batch.n) {
      place = 0;
      ++iteration;
    }
    return task;
  }

  void finish(const Task& task, Status status) {
    const std::lock_guard lock(mutex);
    Slot& slot = *task.slot;
    if (!status.ok() && (slot.failed < 0 || task.place < slot.failed)) {
      slot.failed = task.place;
      slot.status = std::move(status);
    }
    if (--slot.unfinished == 0) ready.notify_all();
  }

  Status make_sample(const Task& task, AugmentScratch& scratch) const {
    GRAPHRUN_TRY(task.slot->begun);
    return core::guard([&]() -> Status {
      const Batch& batch = task.slot->batch;
      const std::int64_t index = batch.samples[static_cast<std::size_t>(task.place)];
      GRAPHRUN_ASSIGN(const Sample sample, dataset.load(index));
      const core::Random random(settings.seed, core::RandomPurpose::augment,
                                static_cast<std::uint32_t>(batch.epoch), static_cast<std::uint32_t>(index));
      const std::int64_t pixels = batch.height * batch.width;
      return apply(sample, augment, draw(augment, random), scratch,
                   batch.image + task.place * pixels * batch.channels, batch.label + task.place * pixels)
          .with_context(dataset.name(index));
    });
  }

  void work() {
    AugmentScratch scratch;
    for (Task task = take(); task.slot != nullptr; task = take()) finish(task, make_sample(task, scratch));
  }
};

Loader::Loader(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Loader>> Loader::start(const Dataset& dataset, const Sampler& sampler,
                                              const AugmentSettings& augment,
                                              const LoaderSettings& settings) try {
  GRAPHRUN_TRY(validate(augment));
  if (!dataset.labelled()) return Status(ErrorCode::invalid_argument, "the split has no labels to train on");
  LoaderSettings checked = settings;
  checked.workers = std::clamp(settings.workers, 1, 1024);
  checked.depth = std::clamp(settings.depth, 2, 1024);
  const SamplerSettings& sampling = sampler.settings();
  if (checked.first < 0 || checked.end < checked.first || sampling.first < 0 ||
      sampling.first + sampling.samples > dataset.size()) {
    return Status(ErrorCode::invalid_argument, "the loader's iterations or sampler do not fit the data set");
  }
  auto state = std::make_unique<State>(dataset, sampler, augment, checked);
  const std::int64_t n = sampler.batch_size_of_rank();
  const std::int64_t pixels = n * augment.train_h * augment.train_w;
  const auto memory = settings.memory ? settings.memory : heap_memory;
  for (Slot& slot : state->ring) {
    slot.image = memory(pixels * augment.channels() * static_cast<std::int64_t>(sizeof(float)));
    slot.label = memory(pixels * static_cast<std::int64_t>(sizeof(std::int32_t)));
    if (!slot.image || !slot.label) {
      return Status(ErrorCode::out_of_memory, "no memory for batches of " + std::to_string(n) + " x " +
                                                  std::to_string(augment.train_h) + " x " +
                                                  std::to_string(augment.train_w) + " pixels");
    }
    slot.batch = {0,
                  0,
                  n,
                  augment.train_h,
                  augment.train_w,
                  augment.channels(),
                  static_cast<float*>(slot.image.get()),
                  static_cast<std::int32_t*>(slot.label.get()),
                  {}};
  }
  std::unique_ptr<Loader> loader(new Loader(std::move(state)));
  try {
    for (int i = 0; i < checked.workers; ++i) {
      loader->state_->workers.emplace_back([s = loader->state_.get()] { s->work(); });
    }
  } catch (const std::system_error& error) {
    return Status(ErrorCode::io, std::string("cannot start loader threads: ") + error.what());
  }
  return loader;
} catch (...) {
  return core::caught();
}

Loader::~Loader() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->room.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

Result<const Batch*> Loader::next() try {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  if (s.delivered == s.settings.end) {
    return Status(ErrorCode::invalid_argument, "the loader has delivered all its batches");
  }
  // The batch of the last call is given back, so that all slots are free for this one and later ones.
  s.free_before = s.delivered + s.settings.depth;
  s.room.notify_all();
  Slot& slot = s.slot_of(s.delivered);
  const std::int64_t wanted = s.delivered;
  s.ready.wait(
      lock, [&] { return slot.batch.iteration == wanted && slot.unfinished == 0 && s.iteration > wanted; });
  if (slot.failed >= 0) return slot.status;
  ++s.delivered;
  return static_cast<const Batch*>(&slot.batch);
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::datasets
