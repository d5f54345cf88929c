#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <set>

#include "datasets/locate.h"
#include "runtime/model/model_file.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/interrupt.h"
#include "tools/grun/progress.h"
#include "tools/grun/ranks.h"
#include "training/class_weights.h"
#include "training/parallel.h"
#include "training/run/backbone.h"
#include "training/run/resolve.h"
#include "training/run/run_folder.h"
#include "training/trainer.h"

namespace graphrun::tools {
namespace {

namespace fs = std::filesystem;

struct TrainOptions {
  CommonOptions common;
  training::SettingSources settings;
  std::string model;
  std::string dataset;
  std::string data_root;
  std::string weights;
  std::string init_backbone;
  std::string resume;
  std::string folder;
  std::optional<std::int64_t> max_iters;
  std::optional<std::uint64_t> seed;
  bool deterministic = false;
  std::int64_t memory_budget = 0;
  std::string profile;
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

  void planned(std::int64_t bytes, const session::Recomputations& recomputations) override {
    if (shows_memory_) fmt::print("{}\n", planned_memory_text(bytes, recomputations));
  }
  void iteration(const training::IterationRecord& record, std::int64_t iterations) override {
    const std::string text = fmt::format(
        "epoch {} loss {:.4f} main {:.4f} aux {:.4f} lr {:.5f} data {:.3f}s step {:.3f}s", record.epoch,
        record.loss, record.main_loss, record.aux_loss, record.lr, record.data_s, record.step_s);
    progress_.update(record.iter, iterations, record.data_s + record.step_s, text, record.iter % every_ == 0);
  }
  void validating(std::int64_t done, std::int64_t total, double seconds) override {
    validation_.update(done, total, seconds, "validation", false);
    if (done == total) validation_.clear();
  }
  void epoch(const training::EpochRecord& record, std::int64_t epochs) override {
    std::string text =
        fmt::format("epoch {}/{}: main loss {:.4f}, train mIoU {:.4f}, accuracy {:.4f}", record.epoch, epochs,
                    record.loss, record.scores.mean_iou, record.scores.accuracy);
    if (record.validation) {
      text += fmt::format("; val loss {:.4f}, mIoU {:.4f} (centre crops{})", record.validation->loss,
                          record.validation->scores.mean_iou, record.is_best ? ", the best so far" : "");
    }
    progress_.line(text);
  }
  void saved(const fs::path& checkpoint) override { progress_.line("saved " + checkpoint.string()); }

 private:
  Progress progress_;
  Progress validation_;
  bool shows_memory_;
  std::int64_t every_;
};

Result<std::uint64_t> choose_seed(const TrainOptions& options, const training::SettingTable& settings) {
  if (options.seed) return *options.seed;
  if (settings.has_value("manual_seed")) return static_cast<std::uint64_t>(settings.integer("manual_seed"));
  if (options.deterministic) return std::uint64_t{0};
  return std::uint64_t{std::random_device()()};
}

// The folder to resume, or empty for a new run. "auto" goes on with -o's run, or the latest, if it has a
// checkpoint.
std::optional<fs::path> folder_to_resume(const TrainOptions& options) {
  if (options.resume.empty()) return std::nullopt;
  if (options.resume != "auto") return fs::path(options.resume);
  if (!options.folder.empty()) return fs::path(options.folder);
  const auto latest = training::latest_run_folder();
  if (latest.ok()) return *latest;
  return std::nullopt;
}

// A run goes on with its own data set, network and precision.
Status check_resumed(const fs::path& run, const TrainOptions& options, const datasets::Descriptor& descriptor,
                     const model::Model& model) {
  GRAPHRUN_ASSIGN(const training::RunRecord record, training::read_run_record(run));
  const Result<datasets::Descriptor> recorded = datasets::find_descriptor(record.dataset);
  const std::string dataset = recorded.ok() ? recorded->name : record.dataset;
  GRAPHRUN_ASSIGN(const OpRegistry* const registry, options.common.registry());
  GRAPHRUN_ASSIGN(const model::Model own, model::read_model((run / "model.fb").string(), *registry));
  if (record.precision != options.common.precision) {
    return {ErrorCode::invalid_argument, fmt::format("{} is a run in {}: resume it with --precision {}",
                                                     run.string(), record.precision, record.precision)};
  }
  if (dataset == descriptor.name && own.name == model.name) return {};
  return {
      ErrorCode::invalid_argument,
      fmt::format("{} is a run of {} on {}, not of {} on {}: resume another one{}", run.string(), own.name,
                  dataset, model.name, descriptor.name,
                  options.resume == "auto" ? " (--resume DIR, -o DIR), or start anew without --resume" : "")};
}

Status load_start(const TrainOptions& options, const model::Program& program, weights::Weights& weights) {
  if (!options.weights.empty()) {
    GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                    weights::TensorFile::open(options.weights));
    return status_of(weights.load(*file).in(options.weights));
  }
  if (options.init_backbone.empty()) return {};
  GRAPHRUN_ASSIGN(const training::BackboneReport report,
                  training::load_backbone(options.init_backbone, program, weights));
  if (!options.common.quiet) fmt::print("{}\n", training::format_report(report, options.common.verbose));
  return {};
}

// Hard pixels, for instance, are chosen among those of all samples.
bool compares_samples(const model::Program& program) {
  const model::Method* const train = program.model().method("train");
  return train != nullptr && std::ranges::any_of(train->nodes, [&](const Node& node) {
           return program.registry().find(node.op)->compares_samples;
         });
}

void announce(const TrainOptions& options, const training::TrainJob& job, const model::Backend& backend) {
  if (options.common.quiet) return;
  const training::SettingTable& settings = job.settings;
  const std::int64_t batch = settings.integer("batch_size");
  const std::int64_t parts = settings.integer("accumulate");
  const std::int64_t ranks = job.ranks->size();
  const std::int64_t own = batch / ranks;
  const std::int64_t group =
      settings.integer("sync_bn_group") == 0 ? ranks : settings.integer("sync_bn_group");
  const std::int64_t norm_batch = own / parts * (settings.flag("sync_bn") ? group : 1);
  fmt::print("{} on {}: {} images, crop {}x{}, seed {}, {} threads, into {}\n", job.program->model().name,
             options.dataset, job.data->size(), settings.integer("train_h"), settings.integer("train_w"),
             job.start.seed, backend.threads(), job.folder.string());
  fmt::print("batch: {} in all, {} on {}, in {} of {}; {} in each batch norm\n", batch, own,
             ranks == 1 ? "this rank" : fmt::format("each of {} ranks", ranks),
             parts == 1 ? "one part" : fmt::format("{} parts", parts), own / parts, norm_batch);
  constexpr std::int64_t kSmallBatch = 8;
  if (norm_batch < kSmallBatch) {
    fmt::print(stderr, "warning: batch norm sees {} images at a time; under {} its statistics are noisy\n",
               norm_batch, kSmallBatch);
  }
  if (parts * ranks > 1 && compares_samples(*job.program)) {
    fmt::print(stderr,
               "note: hard pixels are chosen among the {} images of a part, and ohem_min_kept is of a part\n",
               own / parts);
  }
  if (job.start.iteration > 0) fmt::print("resuming after iteration {}\n", job.start.iteration);
}

// What one rank draws or names, and all take.
Status agree_on_names(collective::Communicator& ranks, std::uint64_t& seed, fs::path& folder) {
  GRAPHRUN_TRY(collective::broadcast(ranks, &seed, sizeof(seed)));
  GRAPHRUN_ASSIGN(const std::vector<std::string> folders,
                  collective::all_gather_text(ranks, folder.string()));
  folder = folders[0];
  return {};
}

// A first rank's start, given to all: it alone reads the files.
Status start_weights(const TrainOptions& options, const training::TrainJob& job) {
  if (job.ranks->rank() == 0) GRAPHRUN_TRY(load_start(options, *job.program, *job.weights));
  return training::broadcast_weights(*job.ranks, *job.program, *job.weights,
                                     {VariableKind::parameter, VariableKind::buffer});
}

// Before this the run's folder is only read, afterwards the first rank alone writes it.
Status open_folder(const TrainOptions& options, const training::TrainJob& job,
                   const datasets::Descriptor& descriptor) {
  training::RunRecord record = training::make_run_record(options.dataset, options.data_root);
  record.precision = options.common.precision;
  GRAPHRUN_TRY(training::start_run_folder(job.folder, *job.program, descriptor, record, job.settings));
  if (const Status linked = training::point_latest_at(job.folder); !linked.ok() && !options.common.quiet) {
    fmt::print(stderr, "warning: {}\n", linked.message());
  }
  return {};
}

Status run_training(TrainOptions options, Outcome& outcome) {
  if (!options.weights.empty() && !options.init_backbone.empty()) {
    return {ErrorCode::usage, "--weights and --init-backbone exclude each other"};
  }
  if (!options.resume.empty() && options.resume != "auto" && !options.folder.empty()) {
    return {ErrorCode::usage, "--resume DIR goes on in DIR; -o names a new run's folder"};
  }
  const std::optional<fs::path> resumed = folder_to_resume(options);
  const std::optional<fs::path> checkpoint = resumed ? training::latest_checkpoint(*resumed) : std::nullopt;
  if (!options.resume.empty() && options.resume != "auto" && !checkpoint) {
    return {ErrorCode::not_found, options.resume + ": no checkpoint to resume from"};
  }
  training::SettingSources sources = options.settings;
  // A run goes on with its own settings; what the command line says now still wins.
  if (checkpoint) sources.configs.insert(sources.configs.begin(), (*resumed / "config.json").string());
  GRAPHRUN_ASSIGN(const datasets::Descriptor descriptor, datasets::find_descriptor(options.dataset));
  GRAPHRUN_ASSIGN(const std::shared_ptr<const model::Program> unbound,
                  open_program(options.model, options.common));
  if (checkpoint) GRAPHRUN_TRY(check_resumed(*resumed, options, descriptor, unbound->model()));
  GRAPHRUN_ASSIGN(training::SettingTable settings,
                  training::resolve_settings(unbound->model(), &descriptor, sources));
  for (const char* name : {"train_h", "train_w"}) {
    if (!settings.has_value(name))
      return {ErrorCode::invalid_argument, std::string("the setting ") + name + " has no value"};
  }
  GRAPHRUN_ASSIGN(const std::shared_ptr<const model::Program> program,
                  bind_program(*unbound, options.model, options.common, &descriptor, &settings));
  GRAPHRUN_ASSIGN(outcome.ranks, join_ranks(options.common, settings.real("rank_timeout")));
  collective::Communicator& ranks = *outcome.ranks;
  if (ranks.rank() > 0) options.common.quiet = true;
  GRAPHRUN_ASSIGN(std::uint64_t seed, choose_seed(options, settings));
  fs::path folder = resumed && checkpoint ? *resumed
                    : !options.folder.empty()
                        ? fs::path(options.folder)
                        : training::new_run_folder(descriptor.name, unbound->model().name);
  GRAPHRUN_TRY(agree_on_names(ranks, seed, folder));
  GRAPHRUN_TRY(settings.set("manual_seed", std::to_string(seed),
                            options.seed ? "--seed" : settings.source("manual_seed")));
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, options.common.backend());
  const std::optional<fs::path> data_root =
      options.data_root.empty() ? std::nullopt : std::optional<fs::path>(options.data_root);
  GRAPHRUN_TRY(training::resolve_class_weights(settings, descriptor, data_root, backend->threads()));

  training::TrainJob job;
  job.program = program;
  job.settings = settings;
  job.precision = options.common.compute_type();
  job.memory_budget = options.memory_budget;
  job.max_iters = options.max_iters;
  for (const datasets::ClassInfo& info : descriptor.classes) job.palette.push_back(info.color);
  job.start.seed = seed;
  GRAPHRUN_ASSIGN(job.data, datasets::open_dataset(descriptor, "train", data_root));
  if (settings.flag("evaluate")) {
    GRAPHRUN_ASSIGN(job.validation, datasets::open_dataset(descriptor, "val", data_root));
  }
  job.ranks = outcome.ranks;
  job.folder = folder;
  job.profile = options.profile;
  GRAPHRUN_ASSIGN(job.weights,
                  weights::Weights::initialise(*program, seed, backend, training::held_state(job)));
  if (checkpoint) {
    GRAPHRUN_ASSIGN(job.start, training::read_checkpoint(*checkpoint, *job.weights));
    GRAPHRUN_TRY(job.settings.set("manual_seed", std::to_string(job.start.seed), checkpoint->string()));
  } else {
    GRAPHRUN_TRY(start_weights(options, job));
    if (training::latest_checkpoint(job.folder)) {
      return {ErrorCode::invalid_argument,
              job.folder.string() +
                  " holds a run already: give --resume auto to go on with it, or another folder"};
    }
  }
  GRAPHRUN_TRY(training::check_start(job));
  GRAPHRUN_TRY(training::require_same_job(ranks, job));
  if (ranks.rank() == 0) GRAPHRUN_TRY(open_folder(options, job, descriptor));
  announce(options, job, *backend);

  job.stop = watch_signals();
  Terminal terminal(options.common.quiet, options.common.verbose || options.memory_budget > 0,
                    job.settings.integer("print_freq"));
  GRAPHRUN_ASSIGN(const training::TrainOutcome result, training::train(job, terminal));
  outcome.exit_status = exit_status_of(result.stop);
  return {};
}

}  // namespace

void add_train(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "train", "train a model; model, settings, losses and checkpoints go into one folder");
  const auto options = std::make_shared<TrainOptions>();
  options->common.add_to(*command);
  command->add_option("model", options->model, "MODEL.fb")->required();
  command->add_option("--dataset", options->dataset, "a name (grun data list) or a descriptor's path")
      ->required();
  command->add_option("--data-root", options->data_root, "folder of the data set's files");
  command->add_option("--weights", options->weights, "start from these parameters");
  command->add_option("--init-backbone", options->init_backbone,
                      "start the backbone from an ImageNet checkpoint");
  command->add_option("--resume", options->resume, "auto, or the folder of a run");
  command->add_option("-o", options->folder, "folder of the run; exp/DATASET/MODEL/TIME if not given");
  command->add_option("--config", options->settings.configs, "settings, a JSON object")
      ->allow_extra_args(false);
  command->add_option("--set", options->settings.sets, "key=value: one setting")->allow_extra_args(false);
  command->add_option("--max-iters", options->max_iters, "stop early; the schedule stays");
  command->add_option("--profile", options->profile,
                      "FILE.json: the third iteration's steps, for Chrome's or Perfetto's trace viewer");
  add_memory_budget(*command, options->memory_budget);
  command->add_option("--seed", options->seed, "the setting manual_seed");
  command->add_flag("--deterministic", options->deterministic,
                    "the same bits in every run (with the same threads); seed 0 if none is given");
  set_ranked_callback(*command, outcome, [options, &outcome] { return run_training(*options, outcome); });
}

}  // namespace graphrun::tools
