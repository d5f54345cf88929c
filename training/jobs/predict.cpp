#include "training/jobs/predict.h"

#include <chrono>
#include <memory>
#include <optional>

#include "datasets/image_source.h"
#include "datasets/locate.h"
#include "datasets/sample_list.h"
#include "datasets/subset.h"
#include "runtime/imaging/image_form.h"
#include "runtime/labelling/labelling.h"
#include "training/evaluation/evaluate_shares.h"
#include "training/jobs/bind.h"
#include "training/jobs/image_paths.h"
#include "training/jobs/model_choice.h"
#include "training/jobs/tiled.h"
#include "training/jobs/video.h"
#include "training/run/data_scaling.h"

namespace graphrun::training {
namespace {

// The images of a command line.
class ImageFiles final : public datasets::Dataset {
 public:
  explicit ImageFiles(const std::vector<std::string>& paths) : paths_(paths) {}
  // What the images are is known with the model.
  void read_as(datasets::ImageSource source) { source_ = std::move(source); }
  const datasets::ImageSource& source() const { return source_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(paths_.size()); }
  bool labelled() const override { return false; }
  std::string name(std::int64_t index) const override { return datasets::sample_name(path(index)); }
  Result<imaging::Image> load_image(std::int64_t index) const override {
    return datasets::read_image(path(index), source_);
  }
  Result<imaging::Extent> image_size(std::int64_t index) const override {
    return datasets::read_image_size(path(index), source_);
  }
  Result<imaging::LabelMap> load_label(std::int64_t) const override { return imaging::LabelMap{}; }

 private:
  const std::string& path(std::int64_t index) const { return paths_[static_cast<std::size_t>(index)]; }
  const std::vector<std::string>& paths_;
  datasets::ImageSource source_;
};

Result<std::vector<datasets::ClassInfo>> find_classes(const model::Model& model,
                                                      const std::optional<datasets::Descriptor>& descriptor) {
  if (descriptor) return descriptor->classes;
  if (model.palette.empty()) {
    return {ErrorCode::invalid_argument,
            "the model carries no class names and colours (a run's model.fb does): give --dataset"};
  }
  std::vector<datasets::ClassInfo> classes;
  for (std::size_t c = 0; 3 * c + 2 < model.palette.size(); ++c) {
    const std::uint8_t* const rgb = model.palette.data() + 3 * c;
    classes.push_back(
        {c < model.class_names.size() ? model.class_names[c] : std::to_string(c), {rgb[0], rgb[1], rgb[2]}});
  }
  return classes;
}

// One labelling of images.
class Prediction {
 public:
  Prediction(const PredictRequest& request, const Platform& platform, PredictObserver& observer)
      : request_(request), platform_(platform), observer_(observer) {}

  Status run() {
    GRAPHRUN_TRY(find_files());
    GRAPHRUN_TRY(open_network());
    announce();
    GRAPHRUN_TRY(label_videos());
    if (paths_.images.empty()) return keep_packed();
    if (request_.tiled) {
      GRAPHRUN_TRY(label_by_windows());
      return keep_packed();
    }
    GRAPHRUN_TRY(reserve());
    GRAPHRUN_ASSIGN(PictureWriter pictures,
                    PictureWriter::create(request_.folder, class_colors(classes_), {}, request_.files));
    GRAPHRUN_TRY(pictures.begin_sheets(classes_));
    GRAPHRUN_TRY(status_of(evaluate_shares(images_, labelling_->protocol(),
                                           {.pictures = &pictures, .details = request_.files.details()},
                                           comm(), observer_, aside_)));
    return keep_packed();
  }

 private:
  Status find_files() {
    if (request_.images.empty() && request_.videos.empty())
      return {ErrorCode::usage, "there is nothing to label: give images, folders of them, or --video"};
    if (!request_.images.empty()) {
      GRAPHRUN_ASSIGN(paths_, find_images(request_.images));
    }
    std::vector<std::string> names = images_.names();
    for (const std::string& video : request_.videos) names.push_back(datasets::sample_name(video));
    return datasets::check_unique_names(names);
  }

  Status keep_packed() {
    if (collective::local_rank(comm()).index != 0) return {};
    const Status kept = labelling_->save_packed();
    if (!kept.ok()) observer_.note({true, kept.message()});
    return {};
  }

  // Calls `label(file, progress)` for each of the files that are this rank's.
  template <typename Label>
  Status label_parts(const std::vector<std::string>& files, const Label& label) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (i % static_cast<std::size_t>(comm().size()) != static_cast<std::size_t>(comm().rank())) continue;
      auto start = std::chrono::steady_clock::now();
      std::int64_t before = 0;
      const auto progress = [&](std::int64_t done, std::int64_t all) {
        const auto now = std::chrono::steady_clock::now();
        const auto step = static_cast<double>(std::max<std::int64_t>(1, done - before));
        const double seconds = std::chrono::duration<double>(now - start).count() / step;
        if (is_first()) observer_.part(files[i], done, all, seconds);
        start = now;
        before = done;
      };
      GRAPHRUN_TRY(label(files[i], progress));
    }
    return {};
  }

  Status label_by_windows() {
    const TiledFolder out{request_.folder, class_colors(classes_), request_.files};
    return label_parts(paths_.images, [&](const std::string& file, const TiledProgress& progress) {
      return label_file(file, images_.source(), *labelling_, resolved_.settings, out, progress);
    });
  }

  Status label_videos() {
    const VideoFolder out{request_.folder, class_colors(classes_), request_.files, request_.smoothing};
    return label_parts(
        request_.videos, [&](const std::string& file, const VideoProgress& progress) -> Status {
          GRAPHRUN_ASSIGN(const LabelledVideo video, label_video(file, *labelling_, out, progress));
          if (is_first() && video.frames < video.announced)
            observer_.note({true, file + ": " + std::to_string(video.frames) +
                                      " frames were decoded, and it should have " +
                                      std::to_string(video.announced) + ": it may be cut off or damaged"});
          return {};
        });
  }

  collective::Communicator& comm() const { return *job_.comm; }
  bool is_first() const { return comm().rank() == 0; }

  void announce() {
    if (!is_first()) return;
    observer_.starting({model_name_, weights_path_, images_.names(), request_.videos.size(), comm().size(),
                        describe(resolved_)});
    if (!paths_.others.empty()) observer_.note({false, describe_others(paths_)});
  }

  Status open_network() {
    if (!request_.dataset.empty()) {
      GRAPHRUN_ASSIGN(descriptor_, datasets::find_descriptor(request_.dataset));
    }
    GRAPHRUN_ASSIGN(const ModelChoice choice, choose_model(request_.model, request_.weights));
    GRAPHRUN_ASSIGN(const weights::ModelSource source,
                    open_source(choice.model, platform_.ops, request_.parameters));
    GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                    weights::open_weights(source, choice.weights, request_.choice));
    weights_path_ = choice.weights.empty() ? source.path : choice.weights;
    GRAPHRUN_ASSIGN(const SettingTable settings, resolve(source));
    const datasets::Descriptor* const known = descriptor_ ? &*descriptor_ : nullptr;
    GRAPHRUN_ASSIGN(const std::shared_ptr<const model::Program> program,
                    bind_program(*source.program, choice.model, {request_.parameters, known, &settings}));
    if (known != nullptr) GRAPHRUN_TRY(check_images(*program, *known));
    images_.read_as({imaging::form_of(program->model().preprocess),
                     known == nullptr ? std::vector<std::string>() : known->images.files});
    model_name_ = program->model().name;
    GRAPHRUN_ASSIGN(classes_, find_classes(program->model(), descriptor_));
    GRAPHRUN_ASSIGN(job_, platform_.join_ranks(settings.real("rank_timeout")));
    GRAPHRUN_ASSIGN(backend_, platform_.open_device());
    return open_labelling(program, file);
  }

  // Settings, and the protocol as they and the model have it.
  Result<SettingTable> resolve(const weights::ModelSource& source) {
    SettingSources sources = request_.settings;
    GRAPHRUN_ASSIGN(sources.stored, stored_settings(source));
    sources.definitions = request_.parameters;
    GRAPHRUN_ASSIGN(SettingTable settings, resolve_settings(source.program->model(),
                                                            descriptor_ ? &*descriptor_ : nullptr, sources));
    GRAPHRUN_ASSIGN(const OwnProtocol own, labelling_protocol(source));
    ProtocolChoice choice = request_.protocol;
    if (request_.tiled && choice.protocol.empty()) choice.protocol = model::kSlideProtocol;
    GRAPHRUN_ASSIGN(resolved_, choice.resolve(settings, own));
    resolved_.settings.precision = request_.precision;
    return settings;
  }

  Status open_labelling(const std::shared_ptr<const model::Program>& program,
                        const std::shared_ptr<const weights::TensorFile>& file) {
    labelling::Labelling::Options opening{.protocol = resolved_.settings,
                                          .memory_limit = request_.protocol.memory_limit};
    GRAPHRUN_ASSIGN(opening.cache_folder, request_.cache_folder());
    opening.processes = collective::local_rank(comm()).count;
    GRAPHRUN_ASSIGN(labelling_, labelling::Labelling::open(program, file, weights_path_, backend_, opening));
    if (!labelling_->cache_note().empty()) observer_.cache_note(labelling_->cache_note());
    for (const std::string& note : {file->note(), labelling_->weights_note()}) {
      if (is_first() && !note.empty()) observer_.note({false, note});
    }
    return {};
  }

  Status reserve() {
    aside_ = pipeline_depth(*backend_, job_.threads);
    GRAPHRUN_ASSIGN(
        const labelling::EvaluationMemory memory,
        reserve_memory(*datasets::Subset::shard(images_, comm().rank(), comm().size()),
                       labelling_->protocol(), labelling_->max_bytes(), aside_, request_.files.details()));
    const std::string note = rescaling_note(resolved_, memory.largest);
    if (is_first() && !note.empty()) observer_.note({true, note});
    return {};
  }

  const PredictRequest& request_;
  const Platform& platform_;
  PredictObserver& observer_;
  ImagePaths paths_;
  ImageFiles images_{paths_.images};
  std::optional<datasets::Descriptor> descriptor_;
  ResolvedProtocol resolved_;
  std::string model_name_;
  std::string weights_path_;
  std::vector<datasets::ClassInfo> classes_;
  RankOfJob job_;
  std::shared_ptr<model::Backend> backend_;
  std::optional<labelling::Labelling> labelling_;
  PipelineDepth aside_;
};

}  // namespace

Status run_prediction(const PredictRequest& request, const Platform& platform, PredictObserver& observer) {
  return Prediction(request, platform, observer).run();
}

}  // namespace graphrun::training
