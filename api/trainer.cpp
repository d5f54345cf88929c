#include "graphrun/trainer.h"

#include <utility>

#include "api/job.h"
#include "runtime/core/guard.h"
#include "training/jobs/train.h"

namespace graphrun {

TrainObserver::~TrainObserver() = default;
void TrainObserver::note(const std::string&) {}
void TrainObserver::step(const TrainStep&) {}
void TrainObserver::validating(std::int64_t, std::int64_t) {}
void TrainObserver::epoch(const TrainEpoch&) {}
void TrainObserver::saved(const std::string&) {}

namespace {

class Start final : public training::StartObserver {
 public:
  explicit Start(TrainObserver* observer) : observer_(observer) {}
  void backbone(const training::BackboneReport& report) override {
    if (observer_ != nullptr) observer_->note(training::format_report(report, true));
  }
  void note(const training::Note& note) override {
    if (observer_ != nullptr) observer_->note(note.text);
  }

 private:
  TrainObserver* observer_;
};

class Course final : public training::TrainObserver {
 public:
  explicit Course(graphrun::TrainObserver& observer) : observer_(observer) {}
  void planned(std::int64_t, const session::Rematerialisations&) override {}
  void iteration(const training::IterationRecord& record, std::int64_t iterations) override {
    observer_.step({record.iter, iterations, record.epoch, record.loss, record.main_loss, record.aux_loss,
                    record.lr, record.data_s, record.step_s, record.scores.mean_iou, record.scores.accuracy});
  }
  void validating(std::int64_t done, std::int64_t total, double) override {
    observer_.validating(done, total);
  }
  void epoch(const training::EpochRecord& record, std::int64_t epochs) override {
    TrainEpoch epoch{record.epoch,           epochs, record.loss,   record.scores.mean_iou,
                     record.scores.accuracy, {},     record.is_best};
    if (record.validation) {
      const training::ValidationRecord& validation = *record.validation;
      epoch.validation = {validation.loss, validation.scores.mean_iou, validation.scores.accuracy};
    }
    observer_.epoch(epoch);
  }
  void saved(const std::filesystem::path& checkpoint) override { observer_.saved(checkpoint.string()); }
  void warning(const std::string& text) override { observer_.note(text); }

 private:
  graphrun::TrainObserver& observer_;
};

Result<training::TrainRequest> request_of(const TrainerOptions& options) {
  GRAPHRUN_ASSIGN(auto request, api::begin_request<training::TrainRequest>(options, false));
  request.init = options.init;
  request.init_backbone = options.init_backbone;
  request.choice.key = options.key;
  request.choice.strip = options.strip;
  request.resume = options.resume;
  request.max_iters = options.max_iters;
  request.seed = options.seed;
  request.deterministic = options.deterministic;
  request.memory_budget = options.memory_budget;
  request.profile = options.profile;
  request.link_latest = options.link_latest;
  return request;
}

}  // namespace

struct Trainer::Impl {
  std::shared_ptr<const OpRegistry> ops;  // what the job's program refers to
  training::TrainJob job;
  std::string folder;
  bool has_failed = false;
};

Trainer::Trainer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;
Trainer::~Trainer() = default;

Result<Trainer> Trainer::prepare(const TrainerOptions& options, TrainObserver* observer) try {
  GRAPHRUN_ASSIGN(const training::TrainRequest request, request_of(options));
  GRAPHRUN_ASSIGN(api::JobPlace place, api::place_of(options));
  std::vector<std::string> notes;
  Start start(observer);
  Result<training::TrainJob> job = training::prepare_training(request, api::platform(place, notes), start);
  if (!job.ok()) return api::without_usage(std::move(job).status());
  for (const std::string& text : notes) start.note({false, text});
  if (job->comm->rank() == 0) {
    for (const training::Note& note : training::batch_notes(*job)) start.note(note);
  }
  auto impl = std::make_unique<Impl>();
  impl->ops = place.ops;
  impl->job = *std::move(job);
  impl->folder = impl->job.folder.string();
  return Trainer(std::move(impl));
} catch (...) {
  return core::caught();
}

const std::string& Trainer::folder() const { return impl_->folder; }
std::int64_t Trainer::iterations_done() const { return impl_->job.start.iteration; }
std::int64_t Trainer::samples() const { return impl_->job.data->size(); }

Result<TrainResult> Trainer::run(TrainObserver* observer, const StopToken& stop) try {
  if (impl_->has_failed)
    return {ErrorCode::invalid_argument, "the run has failed before: prepare another one that resumes it"};
  training::TrainJob& job = impl_->job;
  job.stop = stop;
  graphrun::TrainObserver silent;
  Course course(observer == nullptr ? silent : *observer);
  impl_->has_failed = true;
  GRAPHRUN_ASSIGN(training::TrainOutcome outcome, training::train(job, course));
  impl_->has_failed = false;
  job.start = std::move(outcome.state);
  if (!outcome.folder.empty()) {
    job.folder = std::move(outcome.folder);
    job.make_folder = nullptr;
    job.write_start = nullptr;
    impl_->folder = job.folder.string();
  }
  TrainResult result;
  result.iterations = job.start.iteration;
  result.epochs = job.start.epoch;
  result.stop = outcome.stop;
  result.folder = impl_->folder;
  const std::optional<std::filesystem::path> checkpoint = training::latest_checkpoint(job.folder);
  result.checkpoint = checkpoint ? checkpoint->string() : std::string();
  result.best_epoch = job.start.best.epoch;
  result.best_mean_iou = job.start.best.mean_iou;
  result.stale = outcome.stale;
  return result;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun
