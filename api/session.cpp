#include "graphrun/session.h"

#include <algorithm>
#include <string>
#include <vector>

#include "api/impl.h"
#include "runtime/core/guard.h"
#include "runtime/imaging/resample.h"
#include "runtime/numeric/softmax_row.h"
#include "runtime/session/session.h"
#include "runtime/weights/value_check.h"

namespace graphrun {

struct Session::Impl {
  Program program;
  Weights weights;
  std::unique_ptr<session::Session> bound;

  model::Backend& backend() const { return *weights.device().impl().backend; }
};

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::create(const Program& program, const Weights& weights,
                                const SessionOptions& options) try {
  const std::shared_ptr<const model::Program>& model = program.impl().source.program;
  if (weights.impl().program != model)
    return {ErrorCode::invalid_argument, "the weights are those of another program"};
  GRAPHRUN_ASSIGN(
      std::unique_ptr<session::Session> session,
      session::Session::create(
          model, weights.impl().values,
          {.n = options.batch, .h = options.height, .w = options.width, .precision = options.precision}));
  return Session(std::make_unique<Impl>(Impl{program, weights, std::move(session)}));
} catch (...) {
  return core::caught();
}

Result<TensorView> Session::input(std::string_view name) const try {
  return impl_->bound->input(name);
} catch (...) {
  return core::caught();
}

Result<TensorView> Session::output(std::string_view name) const try {
  return impl_->bound->output(name);
} catch (...) {
  return core::caught();
}

Status Session::set_image(const ImageView& image, std::int64_t sample) try {
  const TensorView view = impl_->bound->input();
  if (view.data == nullptr) return {ErrorCode::not_found, "the model has no input that is an image"};
  GRAPHRUN_TRY(api::check_sample(sample, view.desc.n()));
  const model::Preprocess& preprocess = impl_->program.impl().source.program->model().preprocess;
  return imaging::write_normalised(image, preprocess, impl_->backend(), view, sample);
} catch (...) {
  return core::caught();
}

Status Session::set_input(std::string_view name, std::span<const float> values) try {
  GRAPHRUN_ASSIGN(const TensorView view, input(name));
  if (static_cast<std::int64_t>(values.size()) != view.desc.shape.count()) {
    return {ErrorCode::invalid_argument, "input \"" + std::string(name) + "\": expected " +
                                             std::to_string(view.desc.shape.count()) + " numbers, got " +
                                             std::to_string(values.size())};
  }
  if (const std::string what = weights::first_nonfinite(view.desc.shape, values); !what.empty())
    return {ErrorCode::invalid_argument, "input \"" + std::string(name) + "\" is " + what};
  // The view is read alone.
  return impl_->bound->set_input(
      name, {TensorDesc::dense(DType::f32, view.desc.shape), const_cast<float*>(values.data())});
} catch (...) {
  return core::caught();
}

Status Session::run() { return impl_->bound->run(); }

Status Session::get_output(std::string_view name, std::span<float> values) const try {
  return impl_->bound->get_output_nchw(name, values);
} catch (...) {
  return core::caught();
}

Result<LabelMap> Session::label_map(std::int64_t sample) const try {
  GRAPHRUN_ASSIGN(const TensorView logits, impl_->bound->logits());
  const TensorDesc& desc = logits.desc;
  GRAPHRUN_TRY(api::check_sample(sample, desc.n()));
  if (desc.c() > imaging::kMaxClasses) {
    return {ErrorCode::unsupported, "label maps hold " + std::to_string(imaging::kMaxClasses) +
                                        " classes, the network has " + std::to_string(desc.c())};
  }
  const std::int64_t pixels = desc.h() * desc.w();
  const float* pixel = logits.as<const float>() + sample * pixels * desc.pixel_stride;
  std::vector<float> copied;
  if (!impl_->backend().is_host()) {
    const std::int64_t count = (pixels - 1) * desc.pixel_stride + desc.c();
    copied.resize(static_cast<std::size_t>(count));
    GRAPHRUN_TRY(impl_->backend().copy_to_host(copied.data(), pixel, count * std::int64_t{sizeof(float)}));
    pixel = copied.data();
  }
  LabelMap map{desc.h(), desc.w(), std::vector<ClassId>(static_cast<std::size_t>(pixels))};
  for (ClassId& id : map.ids) {
    id = static_cast<ClassId>(numeric::row_find(pixel, numeric::row_max(pixel, desc.c()), desc.c()));
    pixel += desc.pixel_stride;
  }
  return map;
} catch (...) {
  return core::caught();
}

std::int64_t Session::arena_bytes() const { return impl_->bound->arena_bytes(); }

}  // namespace graphrun
