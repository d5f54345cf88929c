#include "tools/train/trainer.h"

#include <chrono>
#include <cmath>
#include <cstring>

#include "datasets/loader.h"
#include "datasets/metrics.h"
#include "runtime/session/train_session.h"
#include "tools/support/interrupt.h"
#include "tools/train/metrics_log.h"
#include "tools/train/setup.h"
#include "tools/train/validation.h"

namespace graphrun {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Trainer {
 public:
  Trainer(const TrainJob& job, TrainObserver& observer)
      : job_(job), observer_(observer), position_(job.start) {}

  Result<TrainPosition> run() {
    GRAPHRUN_TRY(prepare());
    const std::int64_t end = job_.max_iters ? std::min(*job_.max_iters, iterations_) : iterations_;
    if (position_.iteration >= end) return position_;
    LoaderSettings loading;
    loading.workers = static_cast<int>(job_.settings.integer("workers"));
    loading.seed = position_.seed;
    loading.first = position_.iteration;
    loading.end = end;
    GRAPHRUN_ASSIGN(const std::unique_ptr<Loader> loader,
                    Loader::start(*job_.data, *sampler_, augment_, loading));
    while (position_.iteration < end) {
      GRAPHRUN_TRY(step(*loader));
      const bool epoch_done = position_.iteration % sampler_->iterations_per_epoch() == 0;
      if (epoch_done) GRAPHRUN_TRY(finish_epoch());
      if (caught_signal() != 0) break;
    }
    if (position_.iteration != saved_iteration_) GRAPHRUN_TRY(save(interrupted_checkpoint(job_.folder)));
    return position_;
  }

 private:
  Status prepare() {
    const SettingTable& settings = job_.settings;
    SamplerSettings sampling;
    sampling.samples = job_.data->size();
    sampling.batch_size = settings.integer("batch_size");
    sampling.shuffle = settings.flag("shuffle");
    sampling.seed = position_.seed;
    GRAPHRUN_ASSIGN(sampler_, Sampler::make(sampling));
    augment_ = augment_settings(settings, job_.program->model().preprocess);
    GRAPHRUN_TRY(validate(augment_));
    iterations_ = settings.integer("epochs") * sampler_->iterations_per_epoch();
    TrainSession::Options options;
    options.n = sampling.batch_size;
    options.h = settings.integer("train_h");
    options.w = settings.integer("train_w");
    GRAPHRUN_ASSIGN(session_, TrainSession::create(job_.program, job_.weights, options));
    GRAPHRUN_TRY(session_->check_supervised());
    GRAPHRUN_ASSIGN(log_, MetricsLog::open(job_.folder / "metrics.jsonl", position_.iteration));
    start_epoch();
    return {};
  }

  void start_epoch() {
    confusion_.emplace(static_cast<int>(session_->output("confusion").desc.shape[0]));
    loss_sum_ = 0;
    loss_count_ = 0;
  }

  Status step(Loader& loader) {
    IterationRecord record;
    record.iter = position_.iteration + 1;
    record.epoch = position_.iteration / sampler_->iterations_per_epoch() + 1;
    const auto data_start = Clock::now();
    GRAPHRUN_ASSIGN(const Batch* const batch, loader.next());
    const TensorView image = session_->image();
    const TensorView label = session_->label();
    std::memcpy(image.data, batch->image, static_cast<std::size_t>(image.desc.bytes()));
    std::memcpy(label.data, batch->label, static_cast<std::size_t>(label.desc.bytes()));
    record.data_s = seconds_since(data_start);
    const auto step_start = Clock::now();
    record.lr = poly_learning_rate(job_.settings.real("base_lr"), job_.settings.real("power"), record.iter,
                                   iterations_);
    const TrainSession::RandomState random{static_cast<std::int64_t>(position_.seed), position_.iteration, 0};
    GRAPHRUN_TRY(session_->compute(random).in("iteration " + std::to_string(record.iter)));
    record.loss = session_->scalar("loss").value_or(0);
    record.main_loss = session_->scalar("main_loss").value_or(record.loss);
    record.aux_loss = session_->scalar("aux_loss").value_or(0);
    if (!std::isfinite(record.loss)) {
      return {ErrorCode::invalid_argument, "iteration " + std::to_string(record.iter) +
                                               ": the loss is not finite (main " +
                                               std::to_string(record.main_loss) + ", aux " +
                                               std::to_string(record.aux_loss) + "); nothing was updated"};
    }
    GRAPHRUN_TRY(session_->update(record.lr));
    record.step_s = seconds_since(step_start);
    count(record.loss);
    ++position_.iteration;
    position_.epoch = position_.iteration / sampler_->iterations_per_epoch();
    GRAPHRUN_TRY(log_->write(record));
    observer_.iteration(record, iterations_);
    return {};
  }

  void count(double loss) {
    loss_sum_ += loss;
    ++loss_count_;
    const TensorView view = session_->output("confusion");
    const std::int64_t classes = view.desc.shape[0];
    const std::int64_t* cells = view.as<std::int64_t>();
    for (std::int64_t row = 0; row < classes; ++row) {
      for (std::int64_t column = 0; column < classes; ++column) {
        confusion_->cells()[static_cast<std::size_t>(row * (classes + 1) + column)] +=
            cells[row * classes + column];
      }
    }
  }

  Status finish_epoch() {
    EpochRecord record;
    record.epoch = position_.epoch;
    record.loss = loss_sum_ / static_cast<double>(loss_count_);
    const Metrics metrics = confusion_->metrics();
    record.mean_iou = metrics.mean_iou;
    record.accuracy = metrics.accuracy;
    if (job_.validation != nullptr) {
      GRAPHRUN_ASSIGN(const Metrics validated, validate_crops(job_, augment_));
      record.val_mean_iou = validated.mean_iou;
    }
    observer_.epoch(record, job_.settings.integer("epochs"));
    const bool last = position_.iteration == iterations_;
    if (last || position_.epoch % job_.settings.integer("save_freq") == 0) {
      GRAPHRUN_TRY(save(epoch_checkpoint(job_.folder, position_.epoch)));
      prune_checkpoints(job_.folder, job_.settings.integer("keep"));
    }
    start_epoch();
    return {};
  }

  Status save(const std::filesystem::path& path) {
    GRAPHRUN_TRY(write_checkpoint(path, *job_.weights, position_));
    saved_iteration_ = position_.iteration;
    observer_.saved(path);
    return {};
  }

  const TrainJob& job_;
  TrainObserver& observer_;
  TrainPosition position_;
  std::int64_t iterations_ = 0;  // of the whole schedule
  std::int64_t saved_iteration_ = -1;
  std::optional<Sampler> sampler_;
  AugmentSettings augment_;
  std::unique_ptr<TrainSession> session_;
  std::unique_ptr<MetricsLog> log_;
  std::optional<ConfusionMatrix> confusion_;
  double loss_sum_ = 0;
  std::int64_t loss_count_ = 0;
};

}  // namespace

double poly_learning_rate(double base_lr, double power, std::int64_t iter, std::int64_t max_iter) {
  return base_lr * std::pow(1.0 - static_cast<double>(iter - 1) / static_cast<double>(max_iter), power);
}

Result<TrainPosition> train(const TrainJob& job, TrainObserver& observer) {
  return Trainer(job, observer).run();
}

}  // namespace graphrun
