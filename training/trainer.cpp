#include "training/trainer.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "datasets/loader.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/guard.h"
#include "runtime/profiling/step_times.h"
#include "runtime/session/shard.h"
#include "runtime/session/signature.h"
#include "training/batch_step.h"
#include "training/checkpoint_writer.h"
#include "training/evaluation/metrics.h"
#include "training/parallel.h"
#include "training/run/failed_start.h"
#include "training/run/run_lock.h"
#include "training/run_log.h"
#include "training/schedule.h"
#include "training/setup.h"
#include "training/validation.h"

namespace graphrun::training {
namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

Result<datasets::Sampler> make_sampler(const TrainJob& job) {
  datasets::SamplerSettings sampling;
  sampling.samples = job.data->size();
  sampling.batch_size = job.settings.integer("batch_size");
  sampling.shuffle = job.settings.flag("shuffle");
  sampling.seed = job.start.seed;
  sampling.rank = job.comm->rank();
  sampling.ranks = job.comm->size();
  return datasets::Sampler::make(sampling);
}

class Trainer {
 public:
  Trainer(const TrainJob& job, TrainObserver& observer)
      : job_(job), observer_(observer), state_(job.start), folder_(job.folder) {
    // What is resumed has been read from a checkpoint.
    if (state_.iteration > 0) saved_iteration_ = state_.iteration;
  }

  Result<TrainOutcome> run() {
    GRAPHRUN_TRY(prepare());
    GRAPHRUN_TRY(agree_on_stop());
    // An epoch that was stopped after its last iteration.
    if (epoch_done()) GRAPHRUN_TRY(finish_epoch());
    const std::int64_t end = job_.max_iters ? std::min(*job_.max_iters, iterations_) : iterations_;
    if (state_.iteration < end && goes_on()) GRAPHRUN_TRY(train_until(end));
    if (state_.iteration != saved_iteration_) GRAPHRUN_TRY(save(interrupted_checkpoint(folder_)));
    GRAPHRUN_TRY(note_written(true));
    return TrainOutcome{state_, iterations_, log_ == nullptr ? std::filesystem::path() : folder_, stop_,
                        is_stale()};
  }

 private:
  Status prepare() {
    const SettingTable& settings = job_.settings;
    GRAPHRUN_TRY(check_start(job_));
    GRAPHRUN_ASSIGN(sampler_, make_sampler(job_));
    augment_ = augment_settings(settings, job_.program->model().preprocess);
    GRAPHRUN_TRY(datasets::validate(augment_));
    iterations_ = settings.integer("epochs") * sampler_->iterations_per_epoch();
    GRAPHRUN_ASSIGN(schedule_, Schedule::make(settings, iterations_, sampler_->iterations_per_epoch()));
    clip_norm_ = settings.real("clip_norm");
    GRAPHRUN_ASSIGN(best_metric_, BestMetric::make(settings.word("best_metric"), job_.class_names));
    if (state_.best.metric != best_metric_->name()) state_.best = {};
    state_.best.metric = best_metric_->name();
    GRAPHRUN_ASSIGN(const session::DataParallel parallel,
                    data_parallel(settings, job_.comm, *job_.weights->backend()));
    GRAPHRUN_ASSIGN(step_,
                    BatchStep::make(job_.program, job_.weights, sampler_->batch_size_of_rank(), settings,
                                    job_.precision, parallel, job_.comm, job_.memory_budget));
    if (is_first())
      observer_.planned(step_->session().planned_bytes(), step_->session().rematerialisations());
    local_norm_ = parallel.comm != nullptr && parallel.norm_ranks != parallel.comm;
    owners_ = state_owners(job_);
    if (job_.validation != nullptr) {
      GRAPHRUN_ASSIGN(validator_, Validator::make(job_, augment_));
    }
    return restore_sums();
  }

  // Before this the run's folder is only read. A start that fails leaves nothing behind.
  Status begin_writing() {
    if (!is_first() || log_ != nullptr) return {};
    FolderBefore before(folder_);
    Status begun = open_folder(before);
    if (begun.ok()) return begun;
    before.remove_files();
    lock_.reset();
    before.remove_folders();
    return begun;
  }

  Status open_folder(FolderBefore& before) {
    if (job_.make_folder) {
      GRAPHRUN_ASSIGN(folder_, job_.make_folder());
    }
    GRAPHRUN_ASSIGN(lock_, RunLock::take(folder_));
    for (const std::filesystem::path& folder : {folder_, folder_ / "checkpoints"})
      core::remove_stale_temporaries(folder.string());
    const std::int64_t done = iterations_done(folder_);
    if (done != job_.start.iteration) {
      return {ErrorCode::io, folder_.string() + ": another process has trained this run to iteration " +
                                 std::to_string(done) + " meanwhile"};
    }
    before.look(folder_);
    GRAPHRUN_ASSIGN(auto log, RunLog::open(folder_, job_.start));
    if (job_.write_start) {
      GRAPHRUN_ASSIGN(const std::string warning, job_.write_start(folder_));
      if (!warning.empty()) observer_.warning(warning);
    }
    log_ = std::move(log);
    return {};
  }

  bool is_first() const { return job_.comm->rank() == 0; }

  Status agree_on_stop() {
    GRAPHRUN_ASSIGN(stop_, vote(*job_.comm, job_.stop));
    return {};
  }

  Status restore_sums() {
    confusion_.emplace(step_->confusion().classes());
    const std::vector<std::int64_t>& saved = state_.sums.confusion;
    if (saved.empty()) return {};
    if (saved.size() != confusion_->cells().size())
      return {ErrorCode::invalid_file, "the checkpoint's epoch counts other classes than the model has"};
    std::ranges::copy(saved, confusion_->cells().begin());
    return {};
  }

  // The best validation is too long ago (early_stop).
  bool is_stale() const {
    const std::int64_t most = job_.settings.integer("early_stop");
    if (most == 0 || validator_ == nullptr || state_.best.epoch == 0) return false;
    const std::int64_t every = job_.settings.integer("evaluate_freq");
    return state_.epoch / every - state_.best.epoch / every >= most;
  }
  bool goes_on() const { return stop_ == Stop::none && !is_stale(); }

  bool epoch_done() const {
    return state_.iteration == (state_.epoch + 1) * sampler_->iterations_per_epoch();
  }

  Status train_until(std::int64_t end) {
    datasets::LoaderSettings loading;
    loading.workers = static_cast<int>(job_.settings.integer("workers"));
    loading.seed = state_.seed;
    loading.first = state_.iteration;
    loading.end = end;
    loading.memory = [&backend = *job_.weights->backend()](std::int64_t bytes) {
      return backend.allocate_host(bytes);
    };
    GRAPHRUN_ASSIGN(const std::unique_ptr<datasets::Loader> loader,
                    datasets::Loader::start(*job_.data, *sampler_, augment_, loading));
    while (state_.iteration < end && goes_on()) {
      GRAPHRUN_TRY(iterate(*loader).with_context("iteration " + std::to_string(state_.iteration + 1)));
      if (epoch_done()) GRAPHRUN_TRY(finish_epoch());
    }
    return {};
  }

  Status iterate(datasets::Loader& loader) {
    IterationRecord record;
    record.iter = state_.iteration + 1;
    record.epoch = state_.epoch + 1;
    const auto data_start = Clock::now();
    GRAPHRUN_ASSIGN(const datasets::Batch* const batch, loader.next());
    const auto step_start = Clock::now();
    record.lr = schedule_->rate(record.iter);
    std::optional<profiling::StepTimes> times;
    if (profiles(record.iter)) times.emplace(job_.weights->backend()->timeline());
    profiling::StepTimes* const observer = times ? &*times : nullptr;
    GRAPHRUN_ASSIGN(const Losses losses, step_->compute(*batch, state_.seed, observer));
    const auto computed = Clock::now();
    GRAPHRUN_TRY(step_->clip(clip_norm_));
    GRAPHRUN_TRY(step_->update(record.lr, observer));
    if (job_.averages != nullptr) GRAPHRUN_TRY(job_.averages->update());
    if (times) GRAPHRUN_TRY(times->end());
    const auto step_end = Clock::now();
    if (times && is_first()) GRAPHRUN_TRY(write_profile(*times, data_start, step_start, computed, step_end));
    record.loss = losses.total;
    record.main_loss = losses.main;
    record.aux_loss = losses.aux;
    record.data_s = seconds(data_start, step_start);
    record.step_s = seconds(step_start, step_end);
    record.images_per_s = static_cast<double>(batch->n * job_.comm->size()) / seconds(data_start, step_end);
    ConfusionMatrix confusion = step_->confusion();
    GRAPHRUN_ASSIGN(stop_, vote(*job_.comm, job_.stop, confusion.cells()));
    record.scores = Scores::of(confusion);
    confusion_->merge(confusion);
    state_.sums.loss += losses.main;
    ++state_.sums.iterations;
    ++state_.iteration;
    if (!is_first()) return {};
    GRAPHRUN_TRY(begin_writing());
    if (record.iter == job_.start.iteration + 1) note_unlabelled(confusion);
    GRAPHRUN_TRY(log_->iteration(record));
    observer_.iteration(record, iterations_);
    return note_written(false);
  }

  // A batch whose pixels are all ignored teaches nothing and looks like a perfect loss of 0.
  void note_unlabelled(const ConfusionMatrix& batch) {
    const bool labelled = std::ranges::any_of(batch.cells(), [](std::int64_t count) { return count > 0; });
    if (!labelled) {
      observer_.warning(
          "no pixel of the first batch has a class: all are ignored, and its loss is 0; grun data check "
          "shows "
          "which ids the labels have");
    }
  }

  // The third iteration of this run: by then files are in the system's cache and libraries have chosen. On
  // every rank, though the first one alone writes: what one rank starts step by step and another replays need
  // not meet.
  bool profiles(std::int64_t iteration) const {
    return !job_.profile.empty() && iteration == job_.start.iteration + 3;
  }
  Status write_profile(const profiling::StepTimes& times, Clock::time_point start, Clock::time_point loaded,
                       Clock::time_point computed, Clock::time_point end) const {
    using Lane = profiling::Trace::Lane;
    profiling::Trace trace;
    trace.add(Lane::host, "wait for the loader", "loader", 0, seconds(start, loaded));
    trace.add(Lane::host, "copies, losses and gradients", "step", seconds(start, loaded),
              seconds(start, computed));
    trace.add(Lane::host, "update", "step", seconds(start, computed), seconds(start, end));
    times.add_to(trace, seconds(start, loaded));
    return trace.write(job_.profile);
  }

  // Leaves the epoch unfinished where its validation is stopped: a resumed run does that again.
  Status finish_epoch() {
    GRAPHRUN_TRY(begin_writing());
    EpochRecord record;
    record.epoch = state_.epoch + 1;
    record.iter = state_.iteration;
    record.loss = state_.sums.loss / static_cast<double>(std::max<std::int64_t>(state_.sums.iterations, 1));
    record.scores = Scores::of(*confusion_);
    const bool last = state_.iteration == iterations_;
    std::vector<Picture> pictures;
    if (validator_ != nullptr && (last || record.epoch % job_.settings.integer("evaluate_freq") == 0)) {
      GRAPHRUN_TRY(unite_buffers());
      GRAPHRUN_ASSIGN(std::optional<Validation> validation, validate());
      if (!validation) return agree_on_stop();
      record.validation = validation->record;
      pictures = std::move(validation->pictures);
      record.is_best = state_.best.take(record.epoch, *record.validation, *best_metric_);
    }
    if (is_first()) {
      GRAPHRUN_TRY(log_->epoch(record, pictures));
      observer_.epoch(record, job_.settings.integer("epochs"));
    }
    state_.epoch = record.epoch;
    state_.sums = {};
    std::ranges::fill(confusion_->cells(), 0);
    if (record.is_best) GRAPHRUN_TRY(save(best_checkpoint(folder_)));
    if (last || is_stale() || record.epoch % job_.settings.integer("save_freq") == 0) {
      GRAPHRUN_TRY(save(epoch_checkpoint(folder_, record.epoch)));
    }
    return {};
  }

  // Validates the averages, where there are some. Empty: it was stopped.
  Result<std::optional<Validation>> validate() {
    if (job_.averages != nullptr) GRAPHRUN_TRY(job_.averages->enter());
    Result<std::optional<Validation>> validation = validator_->run(observer_);
    if (job_.averages != nullptr) GRAPHRUN_TRY(job_.averages->leave());
    return validation;
  }

  // Running statistics of batch norm that each rank has for itself: the first one's count.
  Status unite_buffers() {
    if (!local_norm_) return {};
    return broadcast_weights(*job_.comm, *job_.program, *job_.weights, {VariableKind::buffer});
  }

  Status save(const std::filesystem::path& path) {
    GRAPHRUN_TRY(begin_writing());
    if (state_.sums.iterations > 0)
      state_.sums.confusion.assign(confusion_->cells().begin(), confusion_->cells().end());
    GRAPHRUN_ASSIGN(CheckpointContent content, gather_checkpoint(*job_.program, *job_.weights, *job_.comm,
                                                                 owners_, job_.averages.get()));
    saved_iteration_ = state_.iteration;
    if (!is_first()) return {};
    GRAPHRUN_TRY(note_written(true));
    return writer_.start(path, std::move(content), state_);
  }

  Status note_written(bool wait) {
    GRAPHRUN_ASSIGN(const std::optional<std::filesystem::path> path, writer_.written(wait));
    if (!path) return {};
    observer_.saved(*path);
    prune_checkpoints(folder_, job_.settings.integer("keep"));
    return {};
  }

  const TrainJob& job_;
  TrainObserver& observer_;
  TrainState state_;
  std::int64_t iterations_ = 0;  // of the whole schedule
  std::int64_t saved_iteration_ = -1;
  std::optional<Schedule> schedule_;
  double clip_norm_ = 0;  // 0: any
  std::optional<BestMetric> best_metric_;
  std::optional<datasets::Sampler> sampler_;
  datasets::AugmentSettings augment_;
  std::unique_ptr<BatchStep> step_;
  std::unique_ptr<Validator> validator_;  // null without `evaluate`
  std::filesystem::path folder_;          // of the run
  std::unique_ptr<RunLock> lock_;         // null but for the first rank, when it writes
  std::unique_ptr<RunLog> log_;           // likewise
  CheckpointWriter writer_;
  std::vector<int> owners_;                   // of the optimiser's state
  bool local_norm_ = false;                   // not all ranks share batch norm's statistics
  Stop stop_ = Stop::none;                    // why all ranks stop
  std::optional<ConfusionMatrix> confusion_;  // of the epoch so far
};

}  // namespace

Status check_start(const TrainJob& job) try {
  GRAPHRUN_TRY(session::require_image(job.program->model()));
  GRAPHRUN_ASSIGN(const datasets::Sampler sampler, make_sampler(job));
  const std::int64_t per_epoch = sampler.iterations_per_epoch();
  if (job.settings.integer("early_stop") > 0 && !job.settings.flag("evaluate"))
    return {ErrorCode::invalid_argument, "early_stop counts validations: set evaluate=true as well"};
  GRAPHRUN_TRY(status_of(BestMetric::make(job.settings.word("best_metric"), job.class_names)));
  GRAPHRUN_TRY(
      status_of(Schedule::make(job.settings, job.settings.integer("epochs") * per_epoch, per_epoch)));
  const std::int64_t whole = job.start.iteration / per_epoch;
  const bool unfinished = job.start.iteration % per_epoch == 0 && job.start.epoch == whole - 1;
  if (job.start.epoch == whole || unfinished) {
    if (job.start.sums.iterations <= job.start.iteration - job.start.epoch * per_epoch) return {};
    return {ErrorCode::invalid_file, "the checkpoint's epoch has sums of more iterations than it has done"};
  }
  return {ErrorCode::invalid_argument,
          "the checkpoint has done " + std::to_string(job.start.iteration) + " iterations and " +
              std::to_string(job.start.epoch) + " epochs, but an epoch has " + std::to_string(per_epoch) +
              " iterations now: resume with the run's own batch_size and data; to go on with others start a "
              "new run with --weights"};
} catch (...) {
  return core::caught();
}

std::vector<int> state_owners(const TrainJob& job) {
  const bool shared_out = job.comm->size() > 1 && job.settings.flag("shard_optimizer");
  return shared_out ? session::partition_parameters(*job.program, job.comm->size()) : std::vector<int>();
}

std::vector<bool> held_state(const TrainJob& job) {
  return session::held_by(state_owners(job), job.comm->rank());
}

Result<TrainOutcome> train(const TrainJob& job, TrainObserver& observer) try {
  return Trainer(job, observer).run();
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
