#include "training/jobs/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "datasets/check.h"
#include "training/class_weights.h"
#include "training/jobs/bind.h"
#include "training/jobs/resume.h"
#include "training/parallel.h"
#include "training/run/data_scaling.h"
#include "training/run/run_folder.h"
#include "training/run/run_lock.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

Status check_options(const TrainRequest& request) {
  const int starts = static_cast<int>(!request.weights.empty()) + static_cast<int>(!request.init.empty()) +
                     static_cast<int>(!request.init_backbone.empty());
  if (starts > 1) return {ErrorCode::usage, "--weights, --init and --init-backbone exclude each other"};
  if (starts == 0 && !(request.choice.key.empty() && request.choice.strip.empty()))
    return {ErrorCode::usage, "--key and --strip choose among the tensors of --weights, which is missing"};
  if (!request.resume.empty() && request.resume != "auto" && !request.folder.empty()) {
    return {ErrorCode::usage, "--resume DIR goes on in DIR; -o names a new run's folder"};
  }
  return {};
}

Result<std::uint64_t> choose_seed(const TrainRequest& request, const SettingTable& settings) {
  if (request.seed) return *request.seed;
  if (settings.has_value("manual_seed")) return static_cast<std::uint64_t>(settings.integer("manual_seed"));
  if (request.deterministic) return std::uint64_t{0};
  return std::uint64_t{std::random_device()()};
}

// What one rank draws or names, and all take.
Status agree_on_names(collective::Communicator& comm, std::uint64_t& seed, fs::path& folder) {
  GRAPHRUN_TRY(collective::broadcast(comm, &seed, sizeof(seed)));
  GRAPHRUN_ASSIGN(const std::vector<std::string> folders, collective::all_gather_text(comm, folder.string()));
  folder = folders[0];
  return {};
}

// Hard pixels, for instance, are chosen among those of all samples.
bool compares_samples(const model::Program& program) {
  const model::Method* const train = program.model().method(model::methods::kTrain);
  return train != nullptr && std::ranges::any_of(train->nodes, [&](const Node& node) {
           return program.registry().find(node.op)->compares_samples;
         });
}

std::string format_initialisation(const std::string& path, const weights::Initialisation& start) {
  std::string text =
      fmt::format("{}: {} tensors taken, {} start anew", path, start.taken, start.fresh.size());
  for (const auto& [name, file, model] : start.fresh)
    text += fmt::format("\n  {} {}, in the file {}", name, model, file);
  return text;
}

// Makes one job, in the order in which a user's mistakes are best told.
class Preparation {
 public:
  Preparation(const TrainRequest& request, const Platform& platform, StartObserver& observer)
      : request_(request), platform_(platform), observer_(observer) {}

  Result<TrainJob> run() {
    GRAPHRUN_TRY(check_options(request_));
    GRAPHRUN_ASSIGN(from_, find_resume_point(request_.resume, request_.folder));
    if (from_) GRAPHRUN_TRY(take_from_run());
    if (request_.model.empty())
      return {ErrorCode::usage, "MODEL.fb is missing (only --resume RUN does without)"};
    if (request_.data.name.empty() && request_.data.own == nullptr)
      return {ErrorCode::usage, "--dataset is missing"};
    GRAPHRUN_ASSIGN(descriptor_, request_.data.descriptor());
    GRAPHRUN_TRY(resolve_and_bind());
    GRAPHRUN_ASSIGN(const RankOfJob joined, platform_.join_ranks(job_.settings.real("rank_timeout")));
    job_.comm = joined.comm;
    GRAPHRUN_TRY(name_run());
    GRAPHRUN_ASSIGN(backend_, platform_.open_device());
    GRAPHRUN_TRY(resolve_weights_of_classes());
    GRAPHRUN_TRY(open_data());
    GRAPHRUN_TRY(make_weights());
    GRAPHRUN_TRY(check_start(job_));
    GRAPHRUN_TRY(require_same_job(*job_.comm, job_));
    plan_folder();
    return std::move(job_);
  }

 private:
  // What the user leaves open of a run that goes on.
  Status take_from_run() {
    GRAPHRUN_ASSIGN(const RunRecord record, read_run_record(from_->folder));
    origin_ = record.origin;
    if (request_.precision_of_run && record.precision == to_string(DType::bf16))
      request_.precision = DType::bf16;
    if (request_.model.empty()) request_.model = (from_->folder / "model.fb").string();
    if (!request_.data.name.empty() || request_.data.own != nullptr) return {};
    request_.data.name = record.dataset;
    if (request_.data.root.empty() && record.data_root) request_.data.root = record.data_root->string();
    return {};
  }

  Status resolve_and_bind() {
    SettingSources sources = request_.settings;
    sources.definitions = request_.parameters;
    // A run goes on with its own settings; what the user says now still wins.
    if (from_) sources.configs.insert(sources.configs.begin(), (from_->folder / "config.json").string());
    GRAPHRUN_ASSIGN(const weights::ModelSource source,
                    open_source(request_.model, platform_.ops, request_.parameters));
    const std::shared_ptr<const model::Program>& unbound = source.program;
    if (from_) {
      GRAPHRUN_TRY(
          check_resumed(from_->folder, request_.precision, descriptor_, *unbound, request_.resume != "auto"));
    }
    GRAPHRUN_ASSIGN(job_.settings, resolve_settings(unbound->model(), &descriptor_, sources));
    for (const char* name : {"train_h", "train_w"}) {
      if (!job_.settings.has_value(name))
        return {ErrorCode::invalid_argument, std::string("the setting ") + name + " has no value"};
    }
    GRAPHRUN_ASSIGN(job_.program, bind_program(*unbound, request_.model,
                                               {request_.parameters, &descriptor_, &job_.settings}));
    // A run goes on with what it has.
    if (from_) return check_images(*job_.program, descriptor_);
    GRAPHRUN_ASSIGN(job_.program, with_data_scaling(job_.program, descriptor_));
    return {};
  }

  Status name_run() {
    SettingTable& settings = job_.settings;
    GRAPHRUN_ASSIGN(job_.start.seed, choose_seed(request_, settings));
    job_.folder = from_                      ? from_->folder
                  : !request_.folder.empty() ? fs::path(request_.folder)
                                             : new_run_folder(descriptor_.name, job_.program->model().name);
    GRAPHRUN_TRY(agree_on_names(*job_.comm, job_.start.seed, job_.folder));
    if (job_.comm->rank() == 0) {
      GRAPHRUN_TRY(check_run_folder(job_.folder));
      GRAPHRUN_TRY(RunLock::check(job_.folder));
    }
    const std::string source = request_.seed                       ? "--seed"
                               : settings.has_value("manual_seed") ? settings.source("manual_seed")
                               : request_.deterministic            ? "--deterministic"
                                                                   : kDrawnSource;
    return settings.set("manual_seed", std::to_string(job_.start.seed), source);
  }

  Status resolve_weights_of_classes() {
    if (request_.data.own != nullptr) return require_given_class_weights(job_.settings);
    return resolve_class_weights(job_.settings, descriptor_, request_.data.root_path(), backend_->threads());
  }

  Status open_data() {
    job_.precision = request_.precision;
    job_.memory_budget = request_.memory_budget;
    job_.max_iters = request_.max_iters;
    job_.profile = request_.profile;
    job_.data_name = descriptor_.name;
    for (const datasets::ClassInfo& info : descriptor_.classes) {
      job_.palette.push_back(info.color);
      job_.class_names.push_back(info.name);
    }
    GRAPHRUN_ASSIGN(job_.data, request_.data.open(descriptor_, "train"));
    if (job_.comm->rank() == 0) GRAPHRUN_TRY(note_data());
    if (!job_.settings.flag("evaluate")) return {};
    GRAPHRUN_ASSIGN(job_.validation, request_.data.open(descriptor_, "val").with_context("evaluate=true"));
    return {};
  }

  Status note_data() {
    if (request_.data.own != nullptr) return {};
    GRAPHRUN_ASSIGN(const std::vector<datasets::DataNote> notes,
                    datasets::look_before_training(descriptor_, "train", request_.data.root_path()));
    if (const std::string note = scaling_note(*job_.program, descriptor_); !note.empty())
      observer_.note({true, note});
    for (const char* color : {"brightness", "contrast", "saturation", "hue"}) {
      if (!descriptor_.images.form.is_picture() && job_.settings.real(color) > 0)
        observer_.note({true, std::string(color) +
                                  " changes colours, which the images have none of: it is passed over"});
    }
    for (const datasets::DataNote& note : notes) observer_.note({note.is_warning, note.text});
    return {};
  }

  Status make_weights() {
    GRAPHRUN_ASSIGN(job_.weights,
                    weights::Weights::initialise(*job_.program, job_.start.seed, backend_, held_state(job_)));
    if (const double decay = job_.settings.real("ema"); decay > 0) {
      GRAPHRUN_ASSIGN(job_.averages, Averages::make(*job_.program, job_.weights, decay));
    }
    if (from_) {
      GRAPHRUN_ASSIGN(job_.start, read_checkpoint(from_->checkpoint, *job_.weights, job_.averages.get()));
      if (request_.seed && *request_.seed != job_.start.seed) {
        observer_.note({true, "the run goes on with its own seed " + std::to_string(job_.start.seed) +
                                  ", not " + std::to_string(*request_.seed)});
      }
      return job_.settings.set("manual_seed", std::to_string(job_.start.seed), from_->checkpoint.string());
    }
    // A first rank's start, given to all: it alone reads the files.
    if (job_.comm->rank() == 0) GRAPHRUN_TRY(load_start());
    GRAPHRUN_TRY(broadcast_weights(*job_.comm, *job_.program, *job_.weights,
                                   {VariableKind::parameter, VariableKind::buffer}));
    if (!latest_checkpoint(job_.folder)) return {};
    return {ErrorCode::invalid_argument,
            job_.folder.string() +
                " holds a run already: give --resume auto to go on with it, or another folder"};
  }

  void note_choice(const weights::TensorFile& file) {
    if (!file.note().empty()) observer_.note({false, file.note()});
  }

  Status load_start() {
    const weights::TensorChoice choice = weights::choice_for(*job_.program, request_.choice);
    if (!request_.weights.empty()) {
      GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                      weights::TensorFile::open(request_.weights, choice));
      note_choice(*file);
      const Status loaded = status_of(job_.weights->load(*file).with_context(request_.weights));
      // The weights are not used then: it is only asked what would fit.
      if (loaded.ok() || !job_.weights->load_but_classes(*file).ok()) return loaded;
      return {loaded.code(), loaded.message() +
                                 "\nThese are layers of another number of classes: --init in the place of "
                                 "--weights takes the others and starts these anew."};
    }
    if (!request_.init.empty()) {
      GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                      weights::TensorFile::open(request_.init, choice));
      note_choice(*file);
      GRAPHRUN_ASSIGN(const weights::Initialisation start,
                      job_.weights->load_but_classes(*file).with_context(request_.init));
      observer_.note({false, format_initialisation(request_.init, start)});
      return {};
    }
    if (request_.init_backbone.empty()) return {};
    GRAPHRUN_ASSIGN(const BackboneReport report,
                    load_backbone(request_.init_backbone, *job_.program, *job_.weights, request_.choice));
    observer_.backbone(report);
    return {};
  }

  // A run that goes on keeps that of its start.
  RunOrigin origin() const {
    if (origin_ && !origin_->program.empty()) return *origin_;
    RunOrigin origin = origin_here();
    origin.network = job_.program->model().name;
    origin.command = request_.command;
    origin.device = backend_->device();
    origin.threads = backend_->threads();
    origin.ranks = job_.comm->size();
    return origin;
  }

  // What the first rank will write when it has done its first step.
  void plan_folder() {
    const bool drawn = !from_ && request_.folder.empty();
    job_.make_folder = [folder = job_.folder, drawn] { return make_run_folder(folder, drawn); };
    RunRecord record = request_.data.record();
    record.precision = to_string(request_.precision);
    record.origin = origin();
    job_.write_start = [program = job_.program, descriptor = descriptor_, record, settings = job_.settings,
                        link = request_.link_latest](const fs::path& folder) -> Result<std::string> {
      GRAPHRUN_TRY(start_run_folder(folder, *program, descriptor, record, settings));
      const Status linked = link ? point_latest_at(folder) : Status();
      return linked.ok() ? std::string() : linked.message();
    };
  }

  TrainRequest request_;
  const Platform& platform_;
  StartObserver& observer_;
  std::optional<ResumePoint> from_;
  std::optional<RunOrigin> origin_;  // of the run that goes on
  datasets::Descriptor descriptor_;
  std::shared_ptr<model::Backend> backend_;
  TrainJob job_;
};

}  // namespace

Result<TrainJob> prepare_training(const TrainRequest& request, const Platform& platform,
                                  StartObserver& observer) {
  return Preparation(request, platform, observer).run();
}

BatchShares batch_shares(const TrainJob& job) {
  const SettingTable& settings = job.settings;
  const std::int64_t comm = job.comm->size();
  BatchShares shares;
  shares.all = settings.integer("batch_size");
  shares.of_rank = shares.all / comm;
  shares.parts = settings.integer("accumulate");
  const std::int64_t group =
      settings.integer("sync_bn_group") == 0 ? comm : settings.integer("sync_bn_group");
  shares.normalised = shares.of_rank / shares.parts * (settings.flag("sync_bn") ? group : 1);
  return shares;
}

std::vector<Note> batch_notes(const TrainJob& job) {
  const BatchShares shares = batch_shares(job);
  std::vector<Note> notes;
  if (job.palette.size() == 1) {
    notes.push_back(
        {true, "data set " + job.data_name +
                   " has one class: every labelled pixel is of it, and there is nothing to learn"});
  }
  constexpr std::int64_t kSmallBatch = 8;
  if (shares.normalised < kSmallBatch) {
    notes.push_back(
        {true, fmt::format("batch norm sees {} images at a time; under {} its statistics are noisy",
                           shares.normalised, kSmallBatch)});
  }
  if (shares.parts * job.comm->size() > 1 && compares_samples(*job.program)) {
    notes.push_back(
        {false, fmt::format("hard pixels are chosen among the {} images of a part, and ohem_min_kept is of "
                            "a part",
                            shares.of_rank / shares.parts)});
  }
  return notes;
}

}  // namespace graphrun::training
