#include <fmt/format.h>

#include <filesystem>

#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/interrupt.h"
#include "tools/grun/job_options.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/output.h"
#include "tools/terminal/progress.h"
#include "training/jobs/train.h"

namespace graphrun::tools {
namespace {

namespace fs = std::filesystem;

struct TrainOptions {
  CommonOptions common;
  training::TrainRequest request;
  bool precision_is_given = false;
};

// The figures under the bar of a run: means of the last iterations, in at most 79 columns.
class LiveFigures {
 public:
  std::string line(const training::IterationRecord& record) {
    const double whole = record.data_s + record.step_s;
    mean(loss_, record.main_loss);
    mean(iou_, record.scores.mean_iou);
    mean(waiting_, whole > 0 ? record.data_s / whole : 0);
    if (record.images_per_s > 0) mean(image_, 1 / record.images_per_s);
    started_ = true;
    return fmt::format("epoch {}  loss {:.3f}  mIoU {:.3f}{}  {:.3g} s/image  {:.0f}% waits for data",
                       record.epoch, loss_, iou_, best_, image_, 100 * waiting_);
  }
  void validated(double mean_iou, bool is_best) {
    if (is_best) best_ = fmt::format(" (best val {:.3f})", mean_iou);
  }

 private:
  void mean(double& value, double next) const {
    constexpr double kMemory = 0.9;
    value = started_ ? kMemory * value + (1 - kMemory) * next : next;
  }
  double loss_ = 0;
  double iou_ = 0;
  double waiting_ = 0;
  double image_ = 0;
  std::string best_;
  bool started_ = false;
};

// The terminal's view of a run.
class Terminal final : public training::TrainObserver {
 public:
  // `shows_memory`: it was asked for, or decided about.
  Terminal(bool quiet, bool shows_memory, std::int64_t print_every)
      : progress_(stderr, quiet),
        validation_(stderr, quiet),
        shows_memory_(shows_memory && !quiet),
        every_(print_every) {}

  void planned(std::int64_t bytes, const session::Rematerialisations& rematerialisations) override {
    if (shows_memory_) print("{}\n", planned_memory_text(bytes, rematerialisations));
  }
  void iteration(const training::IterationRecord& record, std::int64_t iterations) override {
    std::string text = fmt::format("epoch {} loss {:.4f} main {:.4f} lr {:.5f} {:.3f}s", record.epoch,
                                   record.loss, record.main_loss, record.lr, record.step_s);
    constexpr double kSlow = 0.1;  // of a step, that it waits for the loader
    if (record.data_s > kSlow * record.step_s) text += fmt::format(" data {:.3f}s", record.data_s);
    progress_.update(record.iter, iterations, record.data_s + record.step_s, text, live_.line(record),
                     record.iter % every_ == 0);
  }
  void validating(std::int64_t done, std::int64_t total, double seconds) override {
    progress_.clear();
    validation_.update(done, total, seconds, "validation", false);
    if (done == total) validation_.clear();
  }
  void epoch(const training::EpochRecord& record, std::int64_t epochs) override {
    std::string text =
        fmt::format("epoch {}/{}: main loss {:.4f}, train mIoU {:.4f}, accuracy {:.4f}", record.epoch, epochs,
                    record.loss, record.scores.mean_iou, record.scores.accuracy);
    if (record.validation) {
      live_.validated(record.validation->scores.mean_iou, record.is_best);
      text += fmt::format("\n  val loss {:.4f}, mIoU {:.4f} (centre crops{})", record.validation->loss,
                          record.validation->scores.mean_iou, record.is_best ? ", the best so far" : "");
    }
    progress_.line(text);
  }
  void saved(const fs::path& checkpoint) override { progress_.line("saved " + checkpoint.string()); }
  void warning(const std::string& text) override { progress_.line("warning: " + text); }

 private:
  Progress progress_;
  Progress validation_;
  LiveFigures live_;
  bool shows_memory_;
  std::int64_t every_;
};

class StartTerminal final : public training::StartObserver {
 public:
  explicit StartTerminal(const CommonOptions& options) : options_(options) {}
  void backbone(const training::BackboneReport& report) override {
    if (!options_.quiet) print("{}\n", training::format_report(report, options_.verbose));
  }
  void note(const training::Note& note) override { print_note(note, options_); }

 private:
  const CommonOptions& options_;
};

void announce(const TrainOptions& options, const training::TrainJob& job) {
  if (options.common.quiet) return;
  const training::SettingTable& settings = job.settings;
  const int comm = job.comm->size();
  const int threads = job.weights->backend()->threads();
  const training::BatchShares shares = training::batch_shares(job);
  print("{} on {}: {} images, seed {} ({}), {} thread{}\n", job.program->model().name, job.data_name,
        job.data->size(), job.start.seed, settings.source("manual_seed"), threads, threads == 1 ? "" : "s");
  const bool augments = settings.flag("augment");
  print("crop {}x{} ({}), {}\n", settings.integer("train_h"), settings.integer("train_w"),
        settings.source("train_h"),
        augments ? fmt::format("scales {} to {} ({})", settings.json("scale_min"), settings.json("scale_max"),
                               settings.source("scale_min"))
                 : fmt::format("no random transform ({})", settings.source("augment")));
  print("into {}\n", job.folder.string());
  print("batch: {} in all, {} on {}, in {} of {}; {} in each batch norm\n", shares.all, shares.of_rank,
        comm == 1 ? "this rank" : fmt::format("each of {} ranks", comm),
        shares.parts == 1 ? "one part" : fmt::format("{} parts", shares.parts), shares.of_rank / shares.parts,
        shares.normalised);
  for (const training::Note& note : training::batch_notes(job)) print_note(note, options.common);
  if (job.start.iteration > 0) print("resuming after iteration {}\n", job.start.iteration);
}

// What there is to do after the run.
void conclude(const CommonOptions& options, const training::TrainJob& job,
              const training::TrainOutcome& result) {
  if (options.quiet) return;
  const std::int64_t done = result.state.iteration;
  const std::string folder = (result.folder.empty() ? job.folder : result.folder).string();
  if (done < result.iterations) {
    say("stopped after iteration {} of {}; continue with: grun train --resume {}", done, result.iterations,
        folder);
  } else if (result.folder.empty()) {
    say("{} is finished, all of its {} iterations are done: nothing was trained; grun eval --run {} "
        "evaluates "
        "it, and grun train MODEL --weights {} starts another run from it",
        folder, done, folder, training::latest_checkpoint(job.folder).value_or("CHECKPOINT").string());
  }
}

Status train(TrainOptions& options, Outcome& outcome) {
  GRAPHRUN_ASSIGN(options.request.parameters, options.common.bindings());
  options.request.precision = options.common.compute_type();
  // Whoever names model and precision means them.
  options.request.precision_of_run = options.request.model.empty() && !options.precision_is_given;
  options.request.command = outcome.command;
  StartTerminal start(options.common);
  GRAPHRUN_ASSIGN(const training::Platform place, platform(options.common, outcome));
  GRAPHRUN_ASSIGN(training::TrainJob job, training::prepare_training(options.request, place, start));
  announce(options, job);
  job.stop = watch_signals();
  Terminal terminal(options.common.quiet, options.common.verbose || options.request.memory_budget > 0,
                    job.settings.integer("print_freq"));
  GRAPHRUN_ASSIGN(const training::TrainOutcome result, training::train(job, terminal));
  outcome.exit_status = exit_status_of(result.stop);
  if (result.stale && !options.common.quiet) {
    say("ended by early_stop: the best {} is of epoch {}", result.state.best.metric, result.state.best.epoch);
  }
  if (!result.stale) conclude(options.common, job, result);
  return {};
}

}  // namespace

void add_train(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "train", "train a model; model, settings, losses and checkpoints go into one folder");
  const auto options = std::make_shared<TrainOptions>();
  training::TrainRequest& request = options->request;
  options->common.add_to(*command);
  command->add_option("model", request.model, "MODEL.fb; with --resume RUN the run's");
  add_data_options(*command, request.data.name, request.data.root);
  command->add_option("--weights", request.weights, "start from these parameters");
  command->add_option("--init", request.init,
                      "start from the weights of a network of other classes: layers whose shape depends on "
                      "their number start anew");
  add_tensor_choice(*command, request.choice);
  command->add_option("--init-backbone", request.init_backbone,
                      "start the backbone from an ImageNet checkpoint");
  command->add_option("--resume", request.resume,
                      "the folder of a run, which goes on with its own model, data and settings; auto: the "
                      "newest, if there is one");
  command->add_option("-o", request.folder, "folder of the run; exp/DATASET/MODEL/TIME if not given");
  add_settings(*command, request.settings);
  command->add_option("--max-iters", request.max_iters, "stop early; the schedule stays")
      ->check(whole_number(0));
  command->add_option("--profile", request.profile,
                      "FILE.json: the third iteration's steps, for Chrome's or Perfetto's trace viewer");
  add_memory_budget(*command, request.memory_budget);
  command->add_option("--seed", request.seed, "the setting manual_seed")->check(whole_number(0));
  command->add_flag("--deterministic", request.deterministic,
                    "the same bits in every run (with the same threads); seed 0 if none is given");
  set_ranked_callback(*command, outcome, [options, command, &outcome] {
    options->precision_is_given = command->count("--precision") > 0;
    return train(*options, outcome);
  });
}

}  // namespace graphrun::tools
