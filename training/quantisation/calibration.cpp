#include "training/quantisation/calibration.h"

#include <algorithm>
#include <set>

#include "runtime/imaging/float_image.h"
#include "runtime/imaging/label_accumulator.h"
#include "runtime/imaging/slide_grid.h"
#include "runtime/session/session.h"
#include "runtime/session/session_cache.h"

namespace graphrun::training {
namespace {

// Inputs that each layer is tried on alone.
constexpr std::size_t kKept = 4;
constexpr std::size_t kSessions = 4;

// Which steps read a weight in 8 bits.
class EightBitSteps final : public session::StepObserver {
 public:
  void before(const session::StepView& step) override {
    const bool narrow = std::ranges::any_of(
        step.inputs, [](const TensorView& input) { return input.desc.dtype == DType::s8; });
    if (narrow) paths.insert(std::string(step.path));
  }
  void after(const session::StepView&) override {}
  std::set<std::string, std::less<>> paths;
};

void fill(const CalibrationInput& from, const TensorView& input) {
  std::ranges::copy(from.values, input.as<float>());
}

double mean_square(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return sum / static_cast<double>(std::max<std::size_t>(a.size(), 1));
}

double variance(std::span<const float> values) {
  double sum = 0, squares = 0;
  for (const float value : values) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const auto count = static_cast<double>(std::max<std::size_t>(values.size(), 1));
  return squares / count - sum / count * (sum / count);
}

}  // namespace

struct NetworkCalibration::Imaging {
  std::unique_ptr<imaging::LabelAccumulator> accumulator;
  imaging::FloatImage view;
  session::SessionCache sessions;
};

NetworkCalibration::NetworkCalibration(std::shared_ptr<const model::Program> program,
                                       std::shared_ptr<weights::Weights> weights,
                                       const labelling::ProtocolSettings& protocol)
    : program_(std::move(program)), weights_(std::move(weights)), protocol_(protocol) {
  imaging_.reset(new Imaging{
      nullptr, imaging::FloatImage(weights_->backend()),
      session::SessionCache(
          program_, weights_,
          {.sessions = kSessions, .low_res_logits = true, .max_table_bytes = protocol.max_bytes})});
}
NetworkCalibration::~NetworkCalibration() = default;

Status NetworkCalibration::observe(const ImageView& image) {
  GRAPHRUN_ASSIGN(CalibrationInput input, input_of(image));
  GRAPHRUN_ASSIGN(session::Session* const session, imaging_->sessions.get({1, input.height, input.width}));
  fill(input, session->input());
  const model::Port* const port = program_->model().signature.input(model::roles::kImage);
  statistics_.add(port->name, session->input());
  GRAPHRUN_TRY(session->run(&statistics_));
  if (kept_.size() < kKept) kept_.push_back(std::move(input));
  return {};
}

Result<CalibrationInput> NetworkCalibration::input_of(const ImageView& image) {
  if (imaging_->accumulator == nullptr) {
    GRAPHRUN_ASSIGN(
        imaging_->accumulator,
        imaging::make_label_accumulator(weights_->backend(), {2, false, program_->model().preprocess, 1}));
  }
  const auto channels = std::ssize(program_->model().preprocess.mean);
  const imaging::Extent extent{image.height, image.width};
  GRAPHRUN_ASSIGN(const imaging::Extent size, imaging::view_extent(extent, 1.0, protocol_.base_size));
  const bool crops = protocol_.test_h > 0 && protocol_.test_w > 0;
  const session::Session::Options wanted{
      .n = 1, .h = crops ? protocol_.test_h : size.height, .w = crops ? protocol_.test_w : size.width};
  GRAPHRUN_ASSIGN(const session::Session::Options valid,
                  session::Session::smallest_valid_size(*program_, wanted));
  CalibrationInput input{valid.h, valid.w, {}};
  input.values.resize(static_cast<std::size_t>(valid.h * valid.w * channels));
  GRAPHRUN_TRY(imaging_->view.reserve(size, channels));
  GRAPHRUN_TRY(imaging_->accumulator->begin(image, {}));
  GRAPHRUN_TRY(imaging_->accumulator->resize_normalised(size, imaging_->view.data()));
  const std::int64_t top = std::max<std::int64_t>(0, (size.height - valid.h) / 2);
  const std::int64_t left = std::max<std::int64_t>(0, (size.width - valid.w) / 2);
  const TensorView view{TensorDesc::nhwc(DType::f32, {1, channels, valid.h, valid.w}), input.values.data()};
  GRAPHRUN_TRY(
      imaging_->accumulator->copy_window({imaging_->view.data(), size, top, left, left + valid.w}, view, 0));
  return input;
}

Result<std::set<std::string, std::less<>>> NetworkCalibration::computed(
    std::span<const QuantisedLayer> layers) const {
  if (kept_.empty()) return {ErrorCode::invalid_argument, "there are no images"};
  GRAPHRUN_ASSIGN(const std::unique_ptr<session::Session> session,
                  session::Session::create(program_, weights_,
                                           {.n = 1,
                                            .h = kept_[0].height,
                                            .w = kept_[0].width,
                                            .low_res_logits = true,
                                            .precision = DType::s8}));
  fill(kept_[0], session->input());
  EightBitSteps steps;
  GRAPHRUN_TRY(session->run(&steps));
  std::set<std::string, std::less<>> found;
  for (const QuantisedLayer& layer : layers) {
    if (steps.paths.contains(layer.path)) found.insert(layer.path);
  }
  return found;
}

Result<std::vector<std::vector<float>>> NetworkCalibration::logits(
    const weights::QuantisedValues& stored) const {
  std::vector<std::vector<float>> results;
  std::unique_ptr<session::Session> session;
  const CalibrationInput* bound = nullptr;
  for (const CalibrationInput& input : kept_) {
    if (bound == nullptr || bound->height != input.height || bound->width != input.width) {
      GRAPHRUN_ASSIGN(session, session::Session::create(program_, weights_,
                                                        {.n = 1,
                                                         .h = input.height,
                                                         .w = input.width,
                                                         .low_res_logits = true,
                                                         .precision = DType::s8,
                                                         .quantised = &stored}));
      bound = &input;
    }
    fill(input, session->input());
    GRAPHRUN_TRY(session->run());
    GRAPHRUN_ASSIGN(const TensorView view, session->logits());
    std::vector<float>& values = results.emplace_back();
    for (std::int64_t pixel = 0; pixel < view.desc.pixels(); ++pixel) {
      const float* const from = view.as<const float>() + pixel * view.desc.pixel_stride;
      values.insert(values.end(), from, from + view.desc.c());
    }
  }
  return results;
}

Result<std::vector<double>> NetworkCalibration::sensitivities(std::span<const QuantisedLayer> layers,
                                                              const StopToken& stop) const {
  const weights::QuantisedValues& all = weights_->quantised();
  weights::QuantisedValues one{std::vector<bool>(all.variables.size(), false), {}};
  GRAPHRUN_ASSIGN(const std::vector<std::vector<float>> wide, logits(one));
  std::vector<double> result;
  for (const QuantisedLayer& layer : layers) {
    if (stop.asked() != Stop::none) return {ErrorCode::interrupted, "quantisation was stopped"};
    std::fill(one.variables.begin(), one.variables.end(), false);
    one.variables[layer.weight] = true;
    one.activations.clear();
    const auto scale = all.activations.find(layer.x);
    if (scale != all.activations.end()) one.activations.insert(*scale);
    GRAPHRUN_ASSIGN(const std::vector<std::vector<float>> narrow, logits(one));
    double changed = 0, spread = 0;
    for (std::size_t i = 0; i < wide.size(); ++i) {
      changed += mean_square(wide[i], narrow[i]);
      spread += variance(wide[i]);
    }
    result.push_back(changed / std::max(spread, 1e-30));
  }
  return result;
}

}  // namespace graphrun::training
