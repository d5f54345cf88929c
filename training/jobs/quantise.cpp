#include "training/jobs/quantise.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <optional>
#include <set>
#include <system_error>

#include "datasets/subset.h"
#include "runtime/labelling/labelling.h"
#include "runtime/model/eight_bits.h"
#include "runtime/weights/quantised_file.h"
#include "runtime/weights/safetensors.h"
#include "training/evaluation/evaluate.h"
#include "training/jobs/bind.h"
#include "training/jobs/model_choice.h"
#include "training/quantisation/calibration.h"
#include "training/quantisation/rounding.h"
#include "training/run/data_scaling.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

class Silent final : public EvalObserver {
 public:
  void image(std::int64_t, std::int64_t, double, const ConfusionMatrix*) override {}
};

// A file beside the one that is wanted, which is removed unless it takes that one's place.
class TrialFile {
 public:
  explicit TrialFile(const std::string& wanted) : wanted_(wanted), path_(wanted + ".trial") {}
  ~TrialFile() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  TrialFile(const TrialFile&) = delete;
  TrialFile& operator=(const TrialFile&) = delete;
  const std::string& path() const { return path_; }
  Status accept() const {
    std::error_code error;
    fs::rename(path_, wanted_, error);
    if (!error) return {};
    return {ErrorCode::io, wanted_ + ": " + error.message()};
  }

 private:
  std::string wanted_;
  std::string path_;
};

// The images that are asked for, at even distances.
class ChosenImages {
 public:
  Status open(const QuantiseRequest& request, const datasets::Descriptor& descriptor) {
    GRAPHRUN_ASSIGN(split_, request.data.open(descriptor, request.split));
    if (!split_->labelled()) {
      return {ErrorCode::invalid_argument,
              "split " + request.split + " has no labels, by which the drop of the mean IoU is measured"};
    }
    const std::int64_t step = std::max<std::int64_t>(1, split_->size() / request.images);
    spread_ = datasets::Subset::shard(*split_, 0, static_cast<int>(step));
    GRAPHRUN_ASSIGN(chosen_,
                    datasets::Subset::make(*spread_, {0, std::min(request.images, spread_->size())}));
    return {};
  }
  const datasets::Dataset& images() const { return *chosen_; }

 private:
  std::shared_ptr<const datasets::Dataset> split_;
  std::unique_ptr<datasets::Subset> spread_;
  std::unique_ptr<datasets::Subset> chosen_;
};

class QuantisationJob {
 public:
  QuantisationJob(const QuantiseRequest& request, const Platform& platform, QuantiseObserver& observer,
                  const StopToken& stop)
      : request_(request), platform_(platform), observer_(observer), stop_(stop) {}

  Result<QuantiseOutcome> run() {
    GRAPHRUN_TRY(open());
    GRAPHRUN_TRY(calibrate());
    GRAPHRUN_TRY(choose_scales());
    observer_.stage(fmt::format("{} layers alone in 8 bits", computed_.size()));
    GRAPHRUN_ASSIGN(sensitivities_,
                    calibration_->sensitivities(std::span(layers_).first(computed_.size()), stop_));
    sensitivities_.resize(layers_.size(), 0);
    by_loss_.resize(layers_.size());
    std::iota(by_loss_.begin(), by_loss_.end(), std::size_t{0});
    std::ranges::stable_sort(by_loss_, std::ranges::greater(),
                             [&](std::size_t i) { return sensitivities_[i]; });
    return keep_wide();
  }

 private:
  Status open() {
    GRAPHRUN_ASSIGN(const ModelChoice choice, choose_model(request_.model, request_.weights));
    GRAPHRUN_ASSIGN(const weights::ModelSource source,
                    open_source(choice.model, platform_.ops, request_.parameters));
    GRAPHRUN_ASSIGN(file_, weights::open_weights(source, choice.weights, request_.choice));
    weights_path_ = choice.weights.empty() ? source.path : choice.weights;
    GRAPHRUN_ASSIGN(const datasets::Descriptor descriptor, request_.data.descriptor());
    SettingSources sources = request_.settings;
    sources.definitions = request_.parameters;
    GRAPHRUN_ASSIGN(sources.stored, stored_settings(source));
    if (!choice.run.empty())
      sources.configs.insert(sources.configs.begin(), (choice.run / "config.json").string());
    GRAPHRUN_ASSIGN(const SettingTable settings,
                    resolve_settings(source.program->model(), &descriptor, sources));
    GRAPHRUN_ASSIGN(const OwnProtocol own, evaluation_protocol(source));
    GRAPHRUN_ASSIGN(const ResolvedProtocol resolved, ProtocolChoice().resolve(settings, own));
    protocol_ = resolved.settings;
    // One view an image: scales and mirror images are alike.
    protocol_.scales = {1.0};
    protocol_.flip = false;
    GRAPHRUN_ASSIGN(
        program_, bind_program(*source.program, choice.model, {request_.parameters, &descriptor, &settings}));
    GRAPHRUN_TRY(check_images(*program_, descriptor));
    GRAPHRUN_TRY(chosen_.open(request_, descriptor));
    GRAPHRUN_TRY(status_of(platform_.join_ranks(settings.real("rank_timeout"))));
    GRAPHRUN_ASSIGN(backend_, platform_.open_device());
    if (!backend_->is_host()) return {ErrorCode::unsupported, "weights are quantised on the CPU"};
    GRAPHRUN_TRY(model::check_precision(*backend_, DType::s8));
    GRAPHRUN_ASSIGN(weights_, weights::Weights::map(*program_, file_, backend_).with_context(weights_path_));
    if (weights_->quantised().empty()) return {};
    return {ErrorCode::invalid_argument, weights_path_ + " is quantised already"};
  }

  Status calibrate() {
    const datasets::Dataset& images = chosen_.images();
    observer_.stage(fmt::format("ranges of activations in {} images", images.size()));
    calibration_.emplace(program_, weights_, protocol_);
    for (std::int64_t i = 0; i < images.size(); ++i) {
      if (stop_.asked() != Stop::none) return {ErrorCode::interrupted, "quantisation was stopped"};
      GRAPHRUN_ASSIGN(const imaging::Image image, images.load_image(i));
      GRAPHRUN_TRY(calibration_->observe(image).with_context(images.name(i)));
    }
    return {};
  }

  // Chooses scales of all that can be in 8 bits, as if nothing were kept wide.
  Status choose_scales() {
    scales_ = calibration_->statistics().scales(shared_scales(*program_), wide_ends(*program_));
    layers_ = find_layers(*program_, *backend_);
    rounded_.resize(program_->model().variables.size());
    unread_ = unread_maps(*program_);
    std::vector<std::size_t> weights = unread_;
    for (const QuantisedLayer& layer : layers_) weights.push_back(layer.weight);
    backend_->for_each(std::ssize(weights), [&](std::int64_t i) {
      const std::size_t weight = weights[static_cast<std::size_t>(i)];
      rounded_[weight] = round_weight(values_of(weight), extent(weight));
    });
    weights_->quantise(std::make_shared<std::vector<weights::EightBitTensor>>(rounded_), scales_);
    GRAPHRUN_ASSIGN(computed_, calibration_->computed(layers_));
    // What is computed wide comes last.
    std::stable_partition(layers_.begin(), layers_.end(),
                          [&](const QuantisedLayer& layer) { return is_computed(layer); });
    if (!computed_.empty()) return {};
    return {ErrorCode::unsupported, "the network has no layer with weights that this CPU computes in 8 bits"};
  }

  bool is_computed(const QuantisedLayer& layer) const { return computed_.contains(layer.path); }
  std::span<const float> values_of(std::size_t variable) const {
    const TensorView& view = weights_->variable(variable);
    return {view.as<const float>(), static_cast<std::size_t>(view.desc.shape.count())};
  }
  std::int64_t extent(std::size_t variable) const { return weights_->variable(variable).desc.shape[0]; }

  // With more and more layers wide, those that lose most first, until the drop is small enough.
  Result<QuantiseOutcome> keep_wide() {
    QuantiseOutcome outcome;
    outcome.images = chosen_.images().size();
    observer_.stage("mean IoU in f32");
    GRAPHRUN_ASSIGN(outcome.wide_iou, mean_iou(file_, DType::f32));
    const TrialFile trial(request_.file);
    std::size_t wide = 0;
    while (true) {
      GRAPHRUN_TRY(write(trial.path(), wide, outcome));
      observer_.stage(
          fmt::format("mean IoU with {} of {} layers in 8 bits", layers_.size() - wide, layers_.size()));
      GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                      weights::TensorFile::open(trial.path()));
      GRAPHRUN_ASSIGN(outcome.iou, mean_iou(file, DType::s8));
      outcome.within = outcome.wide_iou - outcome.iou <= request_.max_drop;
      if (outcome.within || wide + 1 >= layers_.size()) break;
      wide = std::min(std::max<std::size_t>(1, 2 * wide), layers_.size() - 1);
    }
    GRAPHRUN_TRY(trial.accept());
    for (std::size_t place = 0; place < by_loss_.size(); ++place) {
      const std::size_t i = by_loss_[place];
      outcome.layers.push_back({layers_[i].path, sensitivities_[i], place < wide, !is_computed(layers_[i])});
    }
    return outcome;
  }

  Result<double> mean_iou(const std::shared_ptr<const weights::TensorFile>& file, DType precision) {
    labelling::Labelling::Options opening{.protocol = protocol_};
    opening.protocol.precision = precision;
    GRAPHRUN_ASSIGN(const labelling::Labelling labelling,
                    labelling::Labelling::open(program_, file, weights_path_, backend_, opening));
    const PipelineDepth aside = pipeline_depth(*backend_, backend_->threads());
    GRAPHRUN_TRY(
        status_of(reserve_memory(chosen_.images(), labelling.protocol(), labelling.max_bytes(), aside)));
    Silent silent;
    GRAPHRUN_ASSIGN(const Evaluation evaluation,
                    evaluate(chosen_.images(), labelling.protocol(), {}, silent, aside, stop_));
    return evaluation.tally->confusion().metrics().mean_iou;
  }

  // The weights' file with the first `wide` layers of by_loss_ as they are. Its sums of bytes go to
  // `outcome`.
  Status write(const std::string& path, std::size_t wide, QuantiseOutcome& outcome) {
    auto narrow = std::make_shared<std::vector<weights::EightBitTensor>>(rounded_.size());
    for (const std::size_t weight : unread_) (*narrow)[weight] = rounded_[weight];
    std::vector<std::vector<float>> corrected;
    std::map<std::string_view, std::span<const float>> corrections;
    for (std::size_t place = wide; place < by_loss_.size(); ++place) {
      const QuantisedLayer& layer = layers_[by_loss_[place]];
      (*narrow)[layer.weight] = rounded_[layer.weight];
      std::vector<float> values = correction_of(layer);
      if (values.empty()) continue;
      const std::string& name = program_->model().variables[static_cast<std::size_t>(layer.correction)].name;
      corrections[name] = corrected.emplace_back(std::move(values));
    }
    weights_->quantise(std::move(narrow), scales_);
    std::vector<std::byte> storage;
    GRAPHRUN_ASSIGN(std::vector<weights::NamedTensor> tensors, weights_->snapshot(false, storage));
    outcome.f32_bytes = bytes_of(tensors);
    for (weights::NamedTensor& tensor : tensors) {
      const auto found = corrections.find(tensor.name);
      if (found != corrections.end()) tensor.bytes = std::as_bytes(found->second);
    }
    std::map<std::string, std::string> metadata;
    weights::NarrowTensors rest;
    weights::store_quantised(*weights_, program_->model(), weights::WideMaps::rounded, tensors, metadata,
                             rest);
    outcome.bytes = bytes_of(tensors);
    return weights::write_safetensors(path, tensors, metadata);
  }
  static std::int64_t bytes_of(std::span<const weights::NamedTensor> tensors) {
    std::int64_t sum = 0;
    for (const weights::NamedTensor& tensor : tensors) sum += std::ssize(tensor.bytes);
    return sum;
  }

  // What takes up the mean of the rounding; empty: nothing does.
  std::vector<float> correction_of(const QuantisedLayer& layer) const {
    const std::vector<double> means = calibration_->statistics().input_means(layer.path);
    const Shape& shape = weights_->variable(layer.weight).desc.shape;
    const std::int64_t channels = std::ssize(means);
    const bool groups_fit = channels > 0 && channels % shape[1] == 0 && shape[0] % (channels / shape[1]) == 0;
    if (layer.correction < 0 || !groups_fit) return {};
    const std::span<const float> old = values_of(static_cast<std::size_t>(layer.correction));
    if (std::ssize(old) != shape[0]) return {};
    const std::vector<double> shift =
        rounding_shift(values_of(layer.weight), rounded_[layer.weight], means, layer.taps);
    std::vector<float> values;
    values.reserve(old.size());
    for (std::size_t o = 0; o < old.size(); ++o)
      values.push_back(old[o] + static_cast<float>(layer.subtracted ? shift[o] : -shift[o]));
    return values;
  }

  const QuantiseRequest& request_;
  const Platform& platform_;
  QuantiseObserver& observer_;
  const StopToken& stop_;
  labelling::ProtocolSettings protocol_;
  std::shared_ptr<const weights::TensorFile> file_;
  std::string weights_path_;
  std::shared_ptr<const model::Program> program_;
  std::shared_ptr<model::Backend> backend_;
  std::shared_ptr<weights::Weights> weights_;
  ChosenImages chosen_;
  std::optional<NetworkCalibration> calibration_;
  weights::ActivationScales scales_;
  std::vector<weights::EightBitTensor> rounded_;  // by variable
  std::vector<std::size_t> unread_;               // variables that inference does not read
  std::vector<QuantisedLayer> layers_;
  std::set<std::string, std::less<>> computed_;  // paths of those that a kernel takes in 8 bits
  std::vector<double> sensitivities_;            // by layer
  std::vector<std::size_t> by_loss_;             // indices of layers, the most sensitive first
};

}  // namespace

Result<QuantiseOutcome> run_quantisation(const QuantiseRequest& request, const Platform& platform,
                                         QuantiseObserver& observer, const StopToken& stop) {
  return QuantisationJob(request, platform, observer, stop).run();
}

}  // namespace graphrun::training
