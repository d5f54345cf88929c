#include "runtime/session/session.h"

#include <algorithm>

#include "runtime/core/guard.h"
#include "runtime/session/dims.h"
#include "runtime/session/layout.h"
#include "runtime/session/roles.h"

namespace graphrun::session {
namespace {

Status check_count(std::size_t actual, const TensorDesc& desc) {
  const std::int64_t expected = desc.shape.count();
  if (actual == static_cast<std::size_t>(expected)) return {};
  return {ErrorCode::invalid_argument, "expected " + std::to_string(expected) + " numbers for " +
                                           to_string(desc.shape) + ", got " + std::to_string(actual)};
}

MethodOptions method_options(const Session::Options& options) {
  MethodOptions method_options;
  method_options.input_shapes["image"] = Shape{options.n, 3, options.h, options.w};
  method_options.constant_weights = true;
  method_options.fuse = options.fuse;
  method_options.precision = options.precision;
  if (options.before_resize) method_options.before_resize = "logits";
  method_options.arena = options.arena;
  return method_options;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<const model::Program> program,
                                                 std::shared_ptr<weights::Weights> weights,
                                                 const Options& options) try {
  std::shared_ptr<model::Backend> backend = weights->backend();
  GRAPHRUN_TRY(backend->check_precision(options.precision));
  GRAPHRUN_ASSIGN(
      std::unique_ptr<BoundMethod> method,
      BoundMethod::bind(std::move(program), "eval", std::move(weights), {}, method_options(options)));
  const Shape image{options.n, 3, options.h, options.w};
  GRAPHRUN_TRY(check_role(method->input("image"), TensorDesc::nhwc(DType::f32, image), "input \"image\""));
  if (const TensorView logits = method->output("logits"); logits.data != nullptr) {
    const bool map = logits.desc.shape.rank() == 4;
    Shape expected = image;
    expected[1] = map ? logits.desc.c() : 1;
    if (map && options.before_resize) expected[2] = logits.desc.h(), expected[3] = logits.desc.w();
    GRAPHRUN_TRY(check_role(logits, TensorDesc::nhwc(DType::f32, expected), "output \"logits\""));
  }
  return std::unique_ptr<Session>(new Session(std::move(method), std::move(backend)));
} catch (...) {
  return core::caught();
}

Result<MethodNeeds> Session::plan(const model::Program& program, const model::Backend& backend,
                                  const Options& options) try {
  GRAPHRUN_TRY(backend.check_precision(options.precision));
  return BoundMethod::plan(program, "eval", backend, method_options(options));
} catch (...) {
  return core::caught();
}

Result<Session::Options> Session::fit(const model::Program& program, const Options& options) try {
  constexpr std::int64_t kMost = 128;
  Status refused;
  for (std::int64_t more = 0; more <= 2 * kMost; ++more) {
    for (std::int64_t rows = std::max<std::int64_t>(0, more - kMost); rows <= std::min(more, kMost); ++rows) {
      Options larger = options;
      larger.h += rows;
      larger.w += more - rows;
      const Status status = status_of(solve_dims(program, method_options(larger).input_shapes));
      if (status.ok()) return larger;
      if (status.code() != ErrorCode::shape) return status;
      if (more == 0) refused = status;
    }
  }
  return refused;
} catch (...) {
  return core::caught();
}

Status Session::set_input_nchw(std::span<const float> image) try {
  const TensorView view = input();
  GRAPHRUN_TRY(check_count(image.size(), view.desc));
  if (backend_->is_host()) {
    nchw_to_nhwc(image, view);
    return {};
  }
  std::vector<float> staged(image.size());
  nchw_to_nhwc(image, {view.desc, staged.data()});
  return backend_->copy_to_device(view.data, staged.data(), view.desc.bytes());
} catch (...) {
  return core::caught();
}

Status Session::get_output_nchw(std::string_view name, std::span<float> out) const try {
  const TensorView view = output(name);
  if (view.data == nullptr)
    return {ErrorCode::not_found, "the model has no output \"" + std::string(name) + "\""};
  if (view.desc.layout != Layout::nhwc || view.desc.dtype != DType::f32) {
    return {ErrorCode::invalid_argument, "output \"" + std::string(name) + "\" is not an f32 map"};
  }
  GRAPHRUN_TRY(check_count(out.size(), view.desc));
  if (backend_->is_host()) {
    nhwc_to_nchw(view, out);
    return {};
  }
  std::vector<std::byte> staged(static_cast<std::size_t>(view.desc.bytes()));
  GRAPHRUN_TRY(backend_->copy_to_host(staged.data(), view.data, view.desc.bytes()));
  nhwc_to_nchw({view.desc, staged.data()}, out);
  return {};
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::session
