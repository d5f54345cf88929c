#include "graphrun/train_session.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "api/impl.h"
#include "graphrun/dataset.h"
#include "ops/cpu_backend.h"
#include "ops/cpu_training.h"
#include "runtime/core/guard.h"
#include "runtime/imaging/resample.h"
#include "runtime/model/parameter_names.h"
#include "runtime/session/layout.h"
#include "runtime/session/train_session.h"
#include "runtime/weights/safetensors.h"

namespace graphrun {
namespace {

Status check_count(std::size_t given, const TensorDesc& desc, std::string_view what) {
  if (given == static_cast<std::size_t>(desc.shape.count())) return {};
  return {ErrorCode::invalid_argument, std::string(what) + ": expected " +
                                           std::to_string(desc.shape.count()) + " numbers, got " +
                                           std::to_string(given)};
}

// The id of pixels that count nowhere, as the model's losses have it.
std::int32_t ignored_id(const model::Model& model) {
  constexpr std::int32_t kDefault = 255;
  const auto found =
      std::ranges::find(model.parameters, model::parameter_names::kIgnoreLabel, &model::GraphParameter::name);
  return found == model.parameters.end() ? kDefault : static_cast<std::int32_t>(found->value);
}

// The device with the kernels that only training needs; a GPU has all of its own.
Result<std::shared_ptr<model::Backend>> training_backend(const Device::Impl& device) {
  if (!device.backend->is_host()) return device.backend;
  return ops::make_cpu_backend(device.backend->threads(), ops::with_training_kernels(device.ops));
}

}  // namespace

struct TrainSession::Impl {
  Program program;
  Device device;
  std::shared_ptr<weights::Weights> weights;
  std::unique_ptr<session::TrainSession> session;
  std::int64_t seed = 0;
  std::optional<Weights> handle;  // of `weights`
  std::vector<std::string> parameter_names;

  const std::shared_ptr<const model::Program>& bound() const { return program.impl().source.program; }
  model::Backend& backend() const { return *weights->backend(); }
  std::int64_t classes() const { return session->output_of(model::roles::kConfusion).desc.shape[0]; }

  // An output of the last step, `otherwise` where the model has none of that role.
  Result<double> loss(std::string_view role, double otherwise) const {
    Result<double> value = session->scalar_of(role);
    if (!value.ok() && value.status().code() == ErrorCode::not_found) return otherwise;
    return value;
  }
};

TrainSession::TrainSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TrainSession::TrainSession(TrainSession&&) noexcept = default;
TrainSession& TrainSession::operator=(TrainSession&&) noexcept = default;
TrainSession::~TrainSession() = default;

Result<TrainSession> TrainSession::create(const Program& program, const Device& device,
                                          const TrainSessionOptions& options) try {
  auto impl = std::make_unique<Impl>(Impl{program, device, nullptr, nullptr, 0, std::nullopt, {}});
  impl->seed = static_cast<std::int64_t>(options.seed);
  GRAPHRUN_ASSIGN(const auto backend, training_backend(device.impl()));
  GRAPHRUN_ASSIGN(impl->weights, weights::Weights::initialise(*impl->bound(), options.seed, backend));
  session::TrainSession::Options of_session;
  of_session.n = options.batch;
  of_session.h = options.height;
  of_session.w = options.width;
  of_session.precision = options.precision;
  of_session.memory_budget = options.memory_budget;
  GRAPHRUN_ASSIGN(impl->session, session::TrainSession::create(impl->bound(), impl->weights, of_session));
  GRAPHRUN_TRY(impl->session->check_supervised());
  impl->handle.emplace(
      std::make_shared<const Weights::Impl>(Weights::Impl{impl->device, impl->bound(), impl->weights}));
  for (const model::Variable& variable : impl->bound()->model().variables) {
    if (impl->session->gradient(variable.name).data != nullptr)
      impl->parameter_names.push_back(variable.name);
  }
  return TrainSession(std::move(impl));
} catch (...) {
  return core::caught();
}

Status TrainSession::load(const std::string& path) try {
  GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                  weights::TensorFile::open(path, weights::choice_for(*impl_->bound())));
  return status_of(impl_->weights->load(*file).with_context(path));
} catch (...) {
  return core::caught();
}

Status TrainSession::save(const std::string& path) const try {
  std::vector<std::byte> storage;
  GRAPHRUN_ASSIGN(const std::vector<weights::NamedTensor> tensors, impl_->weights->snapshot(true, storage));
  return weights::write_safetensors(path, tensors, {});
} catch (...) {
  return core::caught();
}

const Weights& TrainSession::weights() const { return *impl_->handle; }

Status TrainSession::set_image(const ImageView& image, std::int64_t sample) try {
  const TensorView view = impl_->session->image();
  GRAPHRUN_TRY(api::check_sample(sample, view.desc.n()));
  return imaging::write_normalised(image, impl_->bound()->model().preprocess, impl_->backend(), view, sample);
} catch (...) {
  return core::caught();
}

Status TrainSession::set_label(const LabelMap& label, std::int64_t sample) try {
  const TensorView view = impl_->session->label();
  const Shape& shape = view.desc.shape;
  GRAPHRUN_TRY(api::check_sample(sample, shape[0]));
  const std::int64_t pixels = shape[1] * shape[2];
  if (label.height != shape[1] || label.width != shape[2] || std::ssize(label.ids) != pixels) {
    return {ErrorCode::shape, "the label is " + std::to_string(label.width) + " x " +
                                  std::to_string(label.height) + " with " + std::to_string(label.ids.size()) +
                                  " ids, the session's are " + std::to_string(shape[2]) + " x " +
                                  std::to_string(shape[1])};
  }
  const std::int64_t classes = impl_->classes();
  const std::int32_t ignored = ignored_id(impl_->bound()->model());
  std::vector<std::int32_t> ids;
  ids.reserve(label.ids.size());
  for (const ClassId id : label.ids) {
    if (id >= classes && id != kUnlabelled) {
      return {ErrorCode::invalid_argument,
              "label: id " + std::to_string(id) + " is none of the " + std::to_string(classes) + " classes"};
    }
    ids.push_back(id == kUnlabelled ? ignored : std::int32_t{id});
  }
  return impl_->backend().copy_to_device(view.as<std::int32_t>() + sample * pixels, ids.data(),
                                         pixels * std::int64_t{sizeof(std::int32_t)});
} catch (...) {
  return core::caught();
}

Status TrainSession::set_images(std::span<const float> values) try {
  const TensorView view = impl_->session->image();
  GRAPHRUN_TRY(check_count(values.size(), view.desc, "images"));
  std::vector<float> staged(values.size());
  session::nchw_to_nhwc(values, {view.desc, staged.data()});
  return impl_->backend().copy_to_device(view.data, staged.data(), view.desc.bytes());
} catch (...) {
  return core::caught();
}

Status TrainSession::set_labels(std::span<const std::int32_t> ids) try {
  const TensorView view = impl_->session->label();
  GRAPHRUN_TRY(check_count(ids.size(), view.desc, "labels"));
  return impl_->backend().copy_to_device(view.data, ids.data(), view.desc.bytes());
} catch (...) {
  return core::caught();
}

Status TrainSession::set_class_weights(std::span<const float> weights) try {
  return impl_->session->set_class_weights(weights);
} catch (...) {
  return core::caught();
}

Result<Losses> TrainSession::compute(std::int64_t iteration) try {
  const session::TrainSession::RandomState random{impl_->seed, iteration, 0};
  GRAPHRUN_TRY(impl_->session->compute(random));
  Losses losses;
  GRAPHRUN_ASSIGN(losses.total, impl_->loss(model::roles::kLoss, 0));
  GRAPHRUN_ASSIGN(losses.main, impl_->loss(model::roles::kMainLoss, losses.total));
  GRAPHRUN_ASSIGN(losses.auxiliary, impl_->loss(model::roles::kAuxLoss, 0));
  if (std::isfinite(losses.total)) return losses;
  GRAPHRUN_ASSIGN(const std::string where, impl_->session->find_nonfinite(random));
  return {ErrorCode::invalid_argument, "the loss is not finite: " + where};
} catch (...) {
  return core::caught();
}

Status TrainSession::update(double learning_rate) try {
  return impl_->session->update(learning_rate);
} catch (...) {
  return core::caught();
}

Result<std::vector<float>> TrainSession::gradient(std::string_view parameter) const try {
  const TensorView view = impl_->session->gradient(parameter);
  if (view.data == nullptr) {
    return {ErrorCode::not_found, "there is no trained parameter \"" + std::string(parameter) + "\""};
  }
  std::vector<float> values(static_cast<std::size_t>(view.desc.shape.count()));
  GRAPHRUN_TRY(impl_->backend().copy_to_host(values.data(), view.data, view.desc.bytes()));
  return values;
} catch (...) {
  return core::caught();
}

const std::vector<std::string>& TrainSession::parameter_names() const { return impl_->parameter_names; }

std::int64_t TrainSession::planned_bytes() const { return impl_->session->planned_bytes(); }

}  // namespace graphrun
