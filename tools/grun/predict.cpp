#include <fmt/format.h>

#include <optional>

#include "datasets/image_io.h"
#include "datasets/locate.h"
#include "datasets/sample_list.h"
#include "datasets/subset.h"
#include "runtime/labelling/labelling.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/job_options.h"
#include "tools/grun/protocol_options.h"
#include "tools/grun/ranks.h"
#include "tools/terminal/output.h"
#include "tools/terminal/progress.h"
#include "training/evaluation/evaluate_shares.h"
#include "training/evaluation/pictures.h"
#include "training/jobs/image_paths.h"
#include "training/jobs/model_choice.h"
#include "training/run/resolve.h"

namespace graphrun::tools {
namespace {

struct PredictOptions {
  CommonOptions common;
  training::SettingSources settings;
  ProtocolOptions protocol;
  std::string model;
  std::vector<std::string> images;
  std::string weights;
  weights::TensorChoice choice;
  std::string dataset;
  std::string folder;
};

// The images of a command line.
class ImageFiles final : public datasets::Dataset {
 public:
  explicit ImageFiles(const std::vector<std::string>& paths) : paths_(paths) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(paths_.size()); }
  bool labelled() const override { return false; }
  std::string name(std::int64_t index) const override { return datasets::sample_name(path(index)); }
  Result<imaging::Image> load_image(std::int64_t index) const override {
    return datasets::read_image(path(index));
  }
  Result<imaging::Extent> image_size(std::int64_t index) const override {
    return datasets::read_image_size(path(index));
  }
  Result<imaging::LabelMap> load_label(std::int64_t) const override { return imaging::LabelMap{}; }

 private:
  const std::string& path(std::int64_t index) const { return paths_[static_cast<std::size_t>(index)]; }
  const std::vector<std::string>& paths_;
};

class Terminal final : public training::EvalObserver {
 public:
  Terminal(const ImageFiles& images, const collective::Communicator& comm, bool quiet)
      : images_(images), several_(comm.size() > 1), progress_(stderr, quiet || comm.rank() > 0) {}
  void image(std::int64_t done, std::int64_t total, double seconds,
             const training::ConfusionMatrix*) override {
    const std::string name = several_ ? "" : images_.name(done - 1) + " ";
    progress_.update(done, total, seconds, fmt::format("{}{:.3f} s", name, seconds), true);
  }
  void line(const std::string& text) { progress_.line(text); }

 private:
  const ImageFiles& images_;
  bool several_;
  Progress progress_;
};

Result<std::vector<imaging::Color>> find_palette(const model::Model& model,
                                                 const std::optional<datasets::Descriptor>& descriptor) {
  if (descriptor) return training::class_colors(descriptor->classes);
  if (model.palette.empty()) {
    return {ErrorCode::invalid_argument,
            "the model carries no class names and colours (a run's model.fb does): give --dataset"};
  }
  std::vector<imaging::Color> palette;
  for (std::size_t i = 0; i + 2 < model.palette.size(); i += 3) {
    palette.push_back({model.palette[i], model.palette[i + 1], model.palette[i + 2]});
  }
  return palette;
}

Status predict(PredictOptions& options, Outcome& outcome) {
  std::optional<datasets::Descriptor> descriptor;
  if (!options.dataset.empty()) {
    GRAPHRUN_ASSIGN(descriptor, datasets::find_descriptor(options.dataset));
  }
  const datasets::Descriptor* known = descriptor ? &*descriptor : nullptr;
  GRAPHRUN_ASSIGN(const training::ImagePaths paths, training::find_images(options.images));
  if (!paths.others.empty()) print_note({false, training::describe_others(paths)}, options.common);
  const ImageFiles images(paths.images);
  GRAPHRUN_TRY(datasets::check_unique_names(images.names()));
  GRAPHRUN_ASSIGN(const training::ModelChoice choice, training::choose_model(options.model, options.weights));
  GRAPHRUN_ASSIGN(const weights::ModelSource source, open_source(choice.model, options.common));
  GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                  weights::open_weights(source, choice.weights, options.choice));
  GRAPHRUN_ASSIGN(options.settings.stored, training::stored_settings(source));
  GRAPHRUN_ASSIGN(options.settings.definitions, options.common.bindings());
  GRAPHRUN_ASSIGN(const training::SettingTable settings,
                  training::resolve_settings(source.program->model(), known, options.settings));
  labelling::Labelling::Options opening{.memory_limit = options.protocol.memory_limit};
  GRAPHRUN_ASSIGN(const training::OwnProtocol own, training::labelling_protocol(source));
  GRAPHRUN_ASSIGN(const training::ResolvedProtocol protocol, options.protocol.resolve(settings, own));
  opening.protocol = protocol.settings;
  opening.protocol.precision = options.common.compute_type();
  GRAPHRUN_ASSIGN(const std::shared_ptr<const model::Program> program,
                  bind_program(*source.program, choice.model, options.common, known, &settings));
  GRAPHRUN_ASSIGN(std::vector<imaging::Color> palette, find_palette(program->model(), descriptor));
  GRAPHRUN_ASSIGN(outcome.comm, join_ranks(options.common, settings.real("rank_timeout")));
  collective::Communicator& comm = *outcome.comm;
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, options.common.backend());
  GRAPHRUN_ASSIGN(opening.cache_folder, options.common.cache_folder());
  opening.processes = collective::local_rank(comm).count;
  GRAPHRUN_ASSIGN(
      const labelling::Labelling labelling,
      labelling::Labelling::open(program, file, weights_path(source, choice.weights), backend, opening));
  say_cache_note(options.common, labelling.cache_note());
  if (comm.rank() == 0) {
    say_weights_note(options.common, file->note());
    say_weights_note(options.common, labelling.weights_note());
  }
  const training::PipelineDepth depth = training::pipeline_depth(*backend, options.common.threads);
  if (comm.rank() == 0 && !options.common.quiet) {
    print("{} with {}: {} {}\n{}\n", program->model().name, weights_path(source, choice.weights),
          images.size(), images.size() == 1 ? "image" : "images",
          wrapped(training::describe(protocol), kColumns));
  }
  GRAPHRUN_ASSIGN(const labelling::EvaluationMemory memory,
                  training::reserve_memory(*datasets::Subset::shard(images, comm.rank(), comm.size()),
                                           labelling.protocol(), labelling.max_bytes(), depth));
  const std::string note = training::rescaling_note(protocol, memory.largest);
  if (comm.rank() == 0 && !note.empty()) print_note({true, note}, options.common);
  GRAPHRUN_ASSIGN(const training::PictureWriter pictures,
                  training::PictureWriter::create(options.folder, std::move(palette)));
  Terminal terminal(images, comm, options.common.quiet);
  GRAPHRUN_TRY(
      status_of(training::evaluate_shares(images, labelling.protocol(), &pictures, comm, terminal, depth)));
  terminal.line(
      fmt::format("{} label {} in {}", images.size(), images.size() == 1 ? "map" : "maps", options.folder));
  if (collective::local_rank(comm).index == 0) warn_not_kept(options.common, labelling.save_packed());
  return {};
}

}  // namespace

void add_predict(CLI::App& app, Outcome& outcome) {
  CLI::App* command =
      app.add_subcommand("predict", "label images: class ids, colours, colours over the image");
  const auto options = std::make_shared<PredictOptions>();
  options->common.add_to(*command);
  command->add_option("model", options->model, "MODEL.fb, a bundle, or the folder of a run")->required();
  command->add_option("images", options->images, "image files, or folders of them")->required();
  add_weights(*command, options->weights, options->choice);
  command->add_option("--dataset", options->dataset, "colours and sizes; a run's model.fb has them");
  command->add_option("-o", options->folder, "folder of gray/, color/ and overlay/")->required();
  options->protocol.add_to(*command);
  add_settings(*command, options->settings);
  set_ranked_callback(*command, outcome, [options, &outcome] { return predict(*options, outcome); });
}

}  // namespace graphrun::tools
