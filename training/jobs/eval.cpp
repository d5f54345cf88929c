#include "training/jobs/eval.h"

#include <fmt/format.h>

#include <system_error>

#include "datasets/subset.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/file.h"
#include "runtime/labelling/labelling.h"
#include "runtime/labelling/protocol_json.h"
#include "runtime/model/model_file.h"
#include "training/evaluation/evaluate_shares.h"
#include "training/evaluation/per_image.h"
#include "training/evaluation/report.h"
#include "training/jobs/bind.h"
#include "training/jobs/eval_source.h"
#include "training/run/data_scaling.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

Result<fs::path> make_output(const fs::path& folder) {
  GRAPHRUN_TRY(core::make_folders(folder.string()));
  return folder;
}

datasets::SampleRange chosen_range(const SettingTable& settings) {
  return {settings.integer("index_start"), settings.integer("index_step")};
}

// With those of the run below what the user says.
Result<SettingTable> find_settings(SettingSources sources, const EvalSource& source,
                                   const model::Model& model, const datasets::Descriptor& descriptor) {
  if (!source.run.empty())
    sources.configs.insert(sources.configs.begin(), (source.run / "config.json").string());
  return resolve_settings(model, &descriptor, sources);
}

Status write_metrics(EvalOutcome& outcome, const EvaluationRecord& record, std::span<const std::string> names,
                     const std::optional<OtherEvaluation>& other) {
  outcome.metrics = record.tally.confusion().metrics();
  if (record.tally.has_confidence()) outcome.calibration_error = record.tally.calibration().expected_error();
  GRAPHRUN_TRY(
      core::write_file(outcome.folder / "per_image.csv", per_image_csv(names, record.tally.images())));
  GRAPHRUN_TRY(core::write_file(outcome.folder / "metrics.json", metrics_json(record)));
  if (!other) return {};
  GRAPHRUN_ASSIGN(outcome.comparison, compare_evaluations(record.tally, names, *other));
  return core::write_file(outcome.folder / "comparison.json",
                          comparison_json(*outcome.comparison, record.classes));
}

void note_strays(const StrayPixels& strays, std::size_t classes, EvalJobObserver& observer) {
  if (strays.count == 0) return;
  observer.note(
      {true, fmt::format("{}: id {} at row {}, column {} is none of the {} classes; {} such pixels in all "
                         "predictions count as wrong (label ids? --predictions-as label)",
                         strays.file.string(), strays.id, strays.row, strays.column, classes, strays.count)});
}

Result<EvalOutcome> score(const EvalRequest& request, const EvalSource& source,
                          const datasets::Descriptor& descriptor, EvalJobObserver& observer) {
  if (source.data.own != nullptr) {
    return {ErrorCode::unsupported, "saved predictions are scored with a data set's label files alone"};
  }
  GRAPHRUN_ASSIGN(const SettingTable settings,
                  find_settings(request.settings, source, model::Model{}, descriptor));
  std::optional<OtherEvaluation> other;
  if (!request.compare.empty()) {
    GRAPHRUN_ASSIGN(other, read_other(request.compare, request.split, {}));
  }
  const std::string& root = source.data.root;
  GRAPHRUN_ASSIGN(
      const Scoring scoring,
      score_predictions(descriptor, request.split,
                        root.empty() ? std::nullopt : std::optional<fs::path>(root), chosen_range(settings),
                        {request.predictions, request.predictions_as, request.boundaries}, observer));
  note_strays(scoring.strays, descriptor.classes.size(), observer);
  EvalOutcome outcome;
  GRAPHRUN_ASSIGN(outcome.folder, make_output(prediction_folder(request, source, scoring.range)));
  outcome.classes = descriptor.classes;
  outcome.images = std::ssize(scoring.names);
  GRAPHRUN_TRY(
      write_metrics(outcome, {scoring.tally, outcome.classes, nullptr, scoring.range}, scoring.names, other));
  return outcome;
}

Status store_temperature(const fs::path& run, const OpRegistry& ops, double temperature) {
  const std::string path = (run / "model.fb").string();
  GRAPHRUN_ASSIGN(model::Model model, model::read_model(path, ops));
  model.metadata[labelling::kTemperatureKey] = fmt::format("{:.6g}", temperature);
  return model::write_model(model, path);
}

// One evaluation of a network on a split.
class SplitEvaluation {
 public:
  SplitEvaluation(const EvalRequest& request, const EvalSource& source,
                  const datasets::Descriptor& descriptor, const Platform& platform, EvalJobObserver& observer)
      : request_(request),
        source_(source),
        descriptor_(descriptor),
        platform_(platform),
        observer_(observer) {}

  Result<EvalOutcome> run(const StopToken& stop) {
    if (request_.fit_temperature && source_.run.empty()) {
      return {ErrorCode::usage, "--fit-temperature stores a number in a run's model: give a run's folder"};
    }
    GRAPHRUN_TRY(open_network());
    GRAPHRUN_TRY(open_data());
    GRAPHRUN_TRY(make_pictures());
    announce();
    GRAPHRUN_TRY(reserve());
    GRAPHRUN_ASSIGN(const Evaluation evaluation,
                    evaluate_shares(*data_, protocol(), wishes(), comm(), observer_, aside_, stop));
    EvalOutcome outcome{folder_, descriptor_.classes, data_->size(),
                        {},      evaluation.seconds,  protocol().seconds()};
    if (is_first() && evaluation.tally) {
      GRAPHRUN_TRY(write_metrics(outcome,
                                 {*evaluation.tally, outcome.classes, &protocol_settings_, data_->range()},
                                 data_->names(), other_));
    }
    if (is_first() && request_.fit_temperature) GRAPHRUN_TRY(keep_temperature(evaluation, outcome));
    return outcome;
  }

 private:
  collective::Communicator& comm() const { return *job_.comm; }
  labelling::Protocol& protocol() const { return labelling_->protocol(); }
  bool is_first() const { return comm().rank() == 0; }
  EvaluationWishes wishes() const {
    return {.pictures = pictures_ ? &*pictures_ : nullptr,
            .boundaries = request_.boundaries,
            .details = details(),
            .fit_temperature = request_.fit_temperature};
  }
  LabelDetails details() const {
    LabelDetails details = request_.files.details();
    if (request_.fit_temperature) details = {true, true};
    return details;
  }

  Status keep_temperature(const Evaluation& evaluation, EvalOutcome& outcome) const {
    const std::optional<double> found = evaluation.temperature.temperature();
    if (!found || *found < labelling::kMinTemperature || *found > labelling::kMaxTemperature) {
      return {
          ErrorCode::invalid_argument,
          "--fit-temperature: no temperature from 0.05 to 20 is best: the split has no labels, all of it is "
          "right, or the network is no better than chance"};
    }
    GRAPHRUN_TRY(store_temperature(source_.run, platform_.ops, *found));
    outcome.temperature = found;
    return {};
  }

  Status open_network() {
    GRAPHRUN_ASSIGN(const weights::ModelSource model,
                    open_source(source_.model, platform_.ops, request_.parameters));
    GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                    weights::open_weights(model, source_.weights, request_.choice));
    weights_path_ = source_.weights.empty() ? model.path : source_.weights;
    labelling::Labelling::Options opening{.memory_limit = request_.protocol.memory_limit};
    GRAPHRUN_ASSIGN(resolved_, resolve(model));
    // What is fitted is that of the network's own probabilities.
    if (request_.fit_temperature) resolved_.settings.temperature = 1;
    protocol_settings_ = resolved_.settings;
    opening.protocol = resolved_.settings;
    GRAPHRUN_ASSIGN(
        const std::shared_ptr<const model::Program> program,
        bind_program(*model.program, source_.model, {request_.parameters, &descriptor_, &settings_}));
    GRAPHRUN_TRY(check_images(*program, descriptor_));
    model_name_ = program->model().name;
    GRAPHRUN_ASSIGN(job_, platform_.join_ranks(settings_.real("rank_timeout")));
    GRAPHRUN_ASSIGN(backend_, platform_.open_device());
    opening.processes = collective::local_rank(comm()).count;
    GRAPHRUN_ASSIGN(labelling_, labelling::Labelling::open(program, file, weights_path_, backend_, opening));
    for (const std::string& note : {file->note(), labelling_->weights_note()}) {
      if (is_first() && !note.empty()) observer_.note({false, note});
    }
    if (protocol().classes() == static_cast<std::int64_t>(descriptor_.classes.size())) return {};
    return {ErrorCode::invalid_argument,
            fmt::format("the network tells {} classes apart, data set {} has {}", protocol().classes(),
                        descriptor_.name, descriptor_.classes.size())};
  }

  // Settings, and the protocol as they and the model have it.
  Result<ResolvedProtocol> resolve(const weights::ModelSource& model) {
    SettingSources sources = request_.settings;
    sources.definitions = request_.parameters;
    GRAPHRUN_ASSIGN(sources.stored, stored_settings(model));
    GRAPHRUN_ASSIGN(settings_,
                    find_settings(std::move(sources), source_, model.program->model(), descriptor_));
    GRAPHRUN_ASSIGN(const OwnProtocol own, evaluation_protocol(model));
    GRAPHRUN_ASSIGN(ResolvedProtocol resolved, request_.protocol.resolve(settings_, own));
    resolved.settings.precision = request_.precision;
    return resolved;
  }

  Status open_data() {
    GRAPHRUN_ASSIGN(split_, source_.data.open(descriptor_, request_.split));
    GRAPHRUN_ASSIGN(data_, datasets::Subset::make(*split_, chosen_range(settings_)));
    const std::string protocol = protocol_folder(protocol_settings_, data_->range());
    if (!request_.compare.empty() && is_first()) {
      GRAPHRUN_ASSIGN(other_, read_other(request_.compare, request_.split, protocol));
    }
    GRAPHRUN_ASSIGN(folder_, make_output(label_folder(request_, source_, protocol)));
    return {};
  }

  Status make_pictures() {
    if (!request_.pictures) return {};
    std::vector<std::uint8_t> ids;
    if (request_.label_ids) {
      GRAPHRUN_ASSIGN(ids, class_label_ids(descriptor_.labels));
    }
    GRAPHRUN_ASSIGN(pictures_, PictureWriter::create(folder_, class_colors(descriptor_.classes),
                                                     std::move(ids), request_.files));
    return pictures_->begin_sheets(descriptor_.classes);
  }

  void announce() {
    if (!is_first()) return;
    observer_.starting({model_name_, weights_path_, descriptor_.name, request_.split, data_->size(),
                        comm().size(), backend_->threads(), describe(resolved_)});
  }

  Status reserve() {
    aside_ = pipeline_depth(*backend_, job_.threads);
    GRAPHRUN_ASSIGN(const labelling::EvaluationMemory memory,
                    reserve_memory(*datasets::Subset::shard(*data_, comm().rank(), comm().size()), protocol(),
                                   labelling_->max_bytes(), aside_, details()));
    if (!is_first()) return {};
    observer_.planned(memory);
    const std::string note = rescaling_note(resolved_, memory.largest);
    if (!note.empty()) observer_.note({true, note});
    return {};
  }

  const EvalRequest& request_;
  const EvalSource& source_;
  const datasets::Descriptor& descriptor_;
  const Platform& platform_;
  EvalJobObserver& observer_;
  SettingTable settings_;
  ResolvedProtocol resolved_;
  labelling::ProtocolSettings protocol_settings_;
  RankOfJob job_;
  std::string model_name_;
  std::string weights_path_;
  std::shared_ptr<model::Backend> backend_;
  std::optional<labelling::Labelling> labelling_;
  std::shared_ptr<const datasets::Dataset> split_;
  std::unique_ptr<datasets::Subset> data_;
  fs::path folder_;
  std::optional<PictureWriter> pictures_;
  PipelineDepth aside_;
  std::optional<OtherEvaluation> other_;  // that this one is compared with; of the first rank
};

}  // namespace

Result<EvalOutcome> run_evaluation(const EvalRequest& request, const Platform& platform,
                                   EvalJobObserver& observer, const StopToken& stop) {
  GRAPHRUN_ASSIGN(const EvalSource source, find_eval_source(request));
  GRAPHRUN_ASSIGN(const datasets::Descriptor descriptor, source.data.descriptor());
  if (!request.predictions.empty()) return score(request, source, descriptor, observer);
  return SplitEvaluation(request, source, descriptor, platform, observer).run(stop);
}

}  // namespace graphrun::training
