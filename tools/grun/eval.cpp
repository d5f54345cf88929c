#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <system_error>

#include "datasets/locate.h"
#include "datasets/subset.h"
#include "runtime/core/file.h"
#include "runtime/labelling/labelling.h"
#include "runtime/labelling/protocol_json.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/progress.h"
#include "tools/grun/protocol_options.h"
#include "tools/grun/ranks.h"
#include "training/checkpoint.h"
#include "training/evaluation/evaluate_shares.h"
#include "training/evaluation/predictions.h"
#include "training/evaluation/report.h"
#include "training/run/resolve.h"
#include "training/run/run_folder.h"

namespace graphrun::tools {
namespace {

namespace fs = std::filesystem;

struct EvalOptions {
  CommonOptions common;
  training::SettingSources settings;
  ProtocolOptions protocol;
  std::string model;
  std::string run;
  std::string weights;
  std::string dataset;
  std::string data_root;
  std::string split = "val";
  std::string folder;
  std::string predictions;
  std::string predictions_as = "class";
  bool no_pictures = false;
  bool label_ids = false;
};

class Terminal final : public training::EvalObserver {
 public:
  explicit Terminal(bool quiet) : progress_(stderr, quiet) {}
  void image(std::int64_t done, std::int64_t total, double seconds,
             const training::ConfusionMatrix* so_far) override {
    constexpr std::int64_t kEvery = 10;
    const bool due = done / kEvery > done_ / kEvery || done == total;
    done_ = done;
    std::string text = fmt::format("{:.3f} s", seconds);
    if (so_far != nullptr) {
      const training::Metrics metrics = so_far->metrics();
      text += fmt::format(" mIoU {:.4f} accuracy {:.4f}", metrics.mean_iou, metrics.accuracy);
    }
    progress_.update(done, total, seconds, text, due);
  }

 private:
  Progress progress_;
  std::int64_t done_ = 0;
};

// What the options leave open comes from a run's folder: --run, or the latest where there is no MODEL.
struct Source {
  fs::path run;  // empty: none
  std::string model;
  std::string weights;
  training::RunRecord data;
};

Result<Source> find_source(const EvalOptions& options) {
  if (!options.model.empty() && options.weights == "best") {
    return {ErrorCode::usage,
            "--weights best is a run's checkpoint: give --run DIR in the place of MODEL.fb"};
  }
  Source source{options.run, options.model, options.weights,
                training::make_run_record(options.dataset, options.data_root)};
  const bool scored_alone = !options.predictions.empty() && !options.dataset.empty();
  if (source.run.empty() && source.model.empty() && !scored_alone) {
    GRAPHRUN_ASSIGN(source.run, training::latest_run_folder());
  }
  if (source.run.empty()) {
    if (source.data.dataset.empty()) return {ErrorCode::usage, "--dataset is missing"};
    return source;
  }
  source.model = (source.run / "model.fb").string();
  if (source.data.dataset.empty()) {
    GRAPHRUN_ASSIGN(const training::RunRecord record, training::read_run_record(source.run));
    source.data.dataset = record.dataset;
    if (!source.data.data_root) source.data.data_root = record.data_root;
  }
  if (source.weights == "best") {
    source.weights = training::best_checkpoint(source.run).string();
  } else if (source.weights.empty() && options.predictions.empty()) {
    const std::optional<fs::path> checkpoint = training::latest_checkpoint(source.run);
    if (!checkpoint) return {ErrorCode::not_found, source.run.string() + ": it has no checkpoint yet"};
    source.weights = checkpoint->string();
  }
  return source;
}

double to_mb(std::int64_t bytes) { return static_cast<double>(bytes) / 1e6; }

Result<fs::path> make_output(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return {ErrorCode::io, folder.string() + ": " + error.message()};
  return folder;
}

Status report(const EvalOptions& options, const fs::path& folder, const datasets::Descriptor& descriptor,
              const training::Metrics& metrics, std::int64_t images,
              const labelling::ProtocolSettings* protocol, const datasets::SampleRange& range) {
  GRAPHRUN_TRY(core::write_file(
      folder / "metrics.json", training::metrics_json(metrics, descriptor.classes, images, protocol, range)));
  if (!options.common.quiet) {
    for (std::size_t c = 0; c < descriptor.classes.size(); ++c) {
      fmt::print("{:>4} {:<24} iou {:.4f} accuracy {:.4f}\n", c, descriptor.classes[c].name,
                 metrics.classes[c].iou, metrics.classes[c].accuracy);
    }
  }
  fmt::print("{} images: mIoU {:.4f} mAcc {:.4f} aAcc {:.4f}, in {}\n", images, metrics.mean_iou,
             metrics.mean_accuracy, metrics.accuracy, folder.string());
  return {};
}

// With those of the run below what the command line says.
Result<training::SettingTable> find_settings(const EvalOptions& options, const Source& source,
                                             const model::Model& model,
                                             const datasets::Descriptor& descriptor) {
  training::SettingSources sources = options.settings;
  if (!source.run.empty())
    sources.configs.insert(sources.configs.begin(), (source.run / "config.json").string());
  return training::resolve_settings(model, &descriptor, sources);
}

datasets::SampleRange chosen_range(const training::SettingTable& settings) {
  return {settings.integer("index_start"), settings.integer("index_step")};
}

// Below a folder of results: parts of a split lie beside it.
std::string range_suffix(const datasets::SampleRange& range) {
  return range.whole() ? "" : fmt::format("_{}_{}", range.first, range.count);
}

fs::path prediction_folder(const EvalOptions& options, const Source& source,
                           const datasets::SampleRange& range) {
  if (!options.folder.empty()) return options.folder;
  if (source.run.empty()) return "eval";
  return source.run / "result" / "predictions" / (options.split + range_suffix(range));
}

fs::path label_folder(const EvalOptions& options, const Source& source,
                      const labelling::ProtocolSettings& protocol, const datasets::SampleRange& range) {
  if (!options.folder.empty()) return options.folder;
  if (source.run.empty()) return "eval";
  const std::string name = fmt::format("{}{}{}{}", protocol.name == "slide" ? "" : protocol.name + "_",
                                       protocol.scales.size() > 1 ? "ms" : "ss",
                                       protocol.precision == DType::f32 ? "" : "_" + options.common.precision,
                                       range_suffix(range));
  return source.run / "result" / fs::path(source.weights).stem() / options.split / name;
}

void warn_of_strays(const training::StrayPixels& strays, std::size_t classes) {
  if (strays.count == 0) return;
  fmt::print(stderr,
             "warning: {}: id {} at row {}, column {} is none of the {} classes; {} such pixels in all "
             "predictions count as wrong (label ids? --predictions-as label)\n",
             strays.file.string(), strays.id, strays.row, strays.column, classes, strays.count);
}

Status score(const EvalOptions& options, const Source& source, const datasets::Descriptor& descriptor) {
  const training::PredictionIds ids =
      options.predictions_as == "label" ? training::PredictionIds::labels : training::PredictionIds::classes;
  GRAPHRUN_ASSIGN(const training::SettingTable settings,
                  find_settings(options, source, model::Model{}, descriptor));
  Terminal terminal(options.common.quiet);
  GRAPHRUN_ASSIGN(const training::Scoring scoring,
                  training::score_predictions(descriptor, options.split, source.data.data_root,
                                              chosen_range(settings), options.predictions, ids, terminal));
  warn_of_strays(scoring.strays, descriptor.classes.size());
  GRAPHRUN_ASSIGN(const fs::path folder, make_output(prediction_folder(options, source, scoring.range)));
  return report(options, folder, descriptor, scoring.confusion.metrics(), scoring.images, nullptr,
                scoring.range);
}

Status label_split(EvalOptions& options, const Source& source, const datasets::Descriptor& descriptor,
                   Outcome& outcome) {
  GRAPHRUN_ASSIGN(const weights::ModelSource model, open_source(source.model, options.common));
  GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                  weights::open_weights(model, source.weights));
  GRAPHRUN_ASSIGN(options.settings.stored, stored_settings(model));
  GRAPHRUN_ASSIGN(const training::SettingTable settings,
                  find_settings(options, source, model.program->model(), descriptor));
  labelling::Labelling::Options opening{.memory_limit = options.protocol.memory_limit};
  GRAPHRUN_ASSIGN(const labelling::ProtocolSettings own, labelling::protocol_of(model));
  GRAPHRUN_ASSIGN(opening.protocol, options.protocol.resolve(settings, own));
  opening.protocol.precision = options.common.compute_type();
  GRAPHRUN_ASSIGN(const std::shared_ptr<const model::Program> program,
                  bind_program(*model.program, source.model, options.common, &descriptor, &settings));
  GRAPHRUN_ASSIGN(outcome.ranks, join_ranks(options.common, settings.real("rank_timeout")));
  collective::Communicator& ranks = *outcome.ranks;
  const bool is_first = ranks.rank() == 0;
  const bool quiet = options.common.quiet || !is_first;
  const bool several = ranks.size() > 1;
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, options.common.backend());
  opening.processes = collective::local_rank(ranks).count;
  const std::string& weights_from = weights_path(model, source.weights);
  GRAPHRUN_ASSIGN(const labelling::Labelling labelling,
                  labelling::Labelling::open(program, file, weights_from, backend, opening));
  labelling::Protocol* const protocol = &labelling.protocol();
  if (protocol->classes() != static_cast<std::int64_t>(descriptor.classes.size())) {
    return {ErrorCode::invalid_argument,
            fmt::format("the network tells {} classes apart, data set {} has {}", protocol->classes(),
                        descriptor.name, descriptor.classes.size())};
  }
  GRAPHRUN_ASSIGN(const std::unique_ptr<datasets::Dataset> split,
                  datasets::open_dataset(descriptor, options.split, source.data.data_root));
  GRAPHRUN_ASSIGN(const std::unique_ptr<datasets::Subset> data,
                  datasets::Subset::make(*split, chosen_range(settings)));
  GRAPHRUN_ASSIGN(const fs::path folder,
                  make_output(label_folder(options, source, opening.protocol, data->range())));
  std::optional<training::PictureWriter> pictures;
  if (!options.no_pictures) {
    std::vector<std::uint8_t> ids;
    if (options.label_ids) {
      GRAPHRUN_ASSIGN(ids, training::class_label_ids(descriptor.labels));
    }
    GRAPHRUN_ASSIGN(pictures, training::PictureWriter::create(
                                  folder, training::class_colors(descriptor.classes), std::move(ids)));
  }
  if (!quiet) {
    fmt::print("{} with {} on {}/{}: {} images, {}{} threads\n", program->model().name, weights_from,
               descriptor.name, options.split, data->size(),
               several ? fmt::format("{} ranks, the first with ", ranks.size()) : "", backend->threads());
  }
  const training::ImagesAside aside = training::images_aside(*backend, options.common.threads);
  GRAPHRUN_ASSIGN(const labelling::EvaluationMemory memory,
                  training::reserve_memory(*datasets::Subset::share(*data, ranks.rank(), ranks.size()),
                                           *protocol, labelling.most_bytes(), aside));
  if (!quiet) {
    fmt::print(
        "images up to {} x {}; {:.0f} MB of memory planned: {:.0f} activations, {:.0f} prepared weights, "
        "{:.0f} probabilities, {:.0f} pictures\n",
        memory.largest.width, memory.largest.height, to_mb(memory.total()), to_mb(memory.activations),
        to_mb(memory.prepared), to_mb(memory.probabilities), to_mb(memory.pictures));
  }
  Terminal terminal(quiet);
  GRAPHRUN_ASSIGN(
      const training::Evaluation evaluation,
      training::evaluate_shares(*data, *protocol, pictures ? &*pictures : nullptr, ranks, terminal, aside));
  if (!is_first) return {};
  if (options.common.verbose) {
    const labelling::ProtocolSeconds seconds = protocol->seconds();
    fmt::print("label maps: {:.3f} s, of these network {:.3f} s, binding sizes {:.3f} s\n",
               evaluation.seconds, seconds.network, seconds.binding);
  }
  const std::optional<training::ConfusionMatrix>& confusion = evaluation.confusion;
  if (!confusion) {
    fmt::print("{} images without labels, in {}\n", data->size(), folder.string());
    return {};
  }
  return report(options, folder, descriptor, confusion->metrics(), data->size(), &opening.protocol,
                data->range());
}

Status run_evaluation(EvalOptions& options, Outcome& outcome) {
  GRAPHRUN_ASSIGN(const Source source, find_source(options));
  GRAPHRUN_ASSIGN(const datasets::Descriptor descriptor, datasets::find_descriptor(source.data.dataset));
  // Scoring is work for one: other ranks have nothing to do.
  if (!options.predictions.empty())
    return launched_rank() > 0 ? Status() : score(options, source, descriptor);
  return label_split(options, source, descriptor, outcome);
}

}  // namespace

void add_eval(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "eval",
      "label and score a split; without MODEL.fb the newest run: its model, data set, last checkpoint");
  const auto options = std::make_shared<EvalOptions>();
  options->common.add_to(*command);
  CLI::Option* model = command->add_option("model", options->model, "MODEL.fb, or a bundle");
  command->add_option("--run", options->run, "a run's folder instead of exp/latest")->excludes(model);
  command->add_option("--weights", options->weights, ".safetensors or .pth; best: the run's by validation");
  command->add_option("--dataset", options->dataset, "a name (grun data list) or a descriptor's path");
  command->add_option("--data-root", options->data_root, "folder of the data set's files");
  command->add_option("--split", options->split, "which split")->capture_default_str();
  options->protocol.add_to(*command);
  command->add_option("--config", options->settings.configs, "settings, a JSON object")
      ->allow_extra_args(false);
  command->add_option("--set", options->settings.sets, "key=value: one setting")->allow_extra_args(false);
  command->add_option("-o", options->folder, "folder of the results; in the run's folder, or ./eval");
  CLI::Option* none = command->add_flag("--no-pictures", options->no_pictures, "metrics.json alone");
  command
      ->add_flag("--label-ids", options->label_ids,
                 "also label/NAME.png in the data set's own label ids, as results are submitted")
      ->excludes(none);
  CLI::Option* predictions = command->add_option("--predictions", options->predictions,
                                                 "score these saved PNGs, without a network and images");
  for (const char* of_network :
       {"model", "--weights", "--protocol", "--scales", "--ms", "--no-flip", "--batch", "--sessions",
        "--memory-limit", "--precision", "-D", "--label-ids"}) {
    predictions->excludes(command->get_option(of_network));
  }
  command
      ->add_option("--predictions-as", options->predictions_as,
                   "what is in them: class ids from 0, or the data set's label ids")
      ->check(CLI::IsMember({"class", "label"}))
      ->needs(predictions)
      ->capture_default_str();
  set_ranked_callback(*command, outcome, [options, &outcome] { return run_evaluation(*options, outcome); });
}

}  // namespace graphrun::tools
