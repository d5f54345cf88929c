#include "runtime/session/session.h"

#include <algorithm>
#include <cstring>

#include "runtime/core/guard.h"
#include "runtime/model/eight_bits.h"
#include "runtime/session/layout.h"
#include "runtime/session/signature.h"

namespace graphrun::session {
namespace {

Status check_count(std::size_t actual, const TensorDesc& desc) {
  const std::int64_t expected = desc.shape.count();
  if (actual == static_cast<std::size_t>(expected)) return {};
  return {ErrorCode::invalid_argument, "expected " + std::to_string(expected) + " numbers for " +
                                           to_string(desc.shape) + ", got " + std::to_string(actual)};
}

std::string name_of(const model::Port* port) { return port == nullptr ? std::string() : port->name; }

Result<MethodOptions> method_options(const model::Program& program, const Session::Options& options) {
  const model::Signature& signature = program.model().signature;
  MethodOptions method_options;
  method_options.input_shapes = options.inputs;
  const model::Port* const image = signature.input(model::roles::kImage);
  if (options.inputs.empty() || (image != nullptr && !options.inputs.contains(image->name))) {
    GRAPHRUN_ASSIGN(InputShapes shapes, image_shapes(program, options.n, options.h, options.w));
    method_options.input_shapes.merge(shapes);
  }
  method_options.constant_weights = true;
  method_options.fuse = options.fuse;
  method_options.precision = options.precision;
  method_options.quantised = options.quantised;
  if (options.low_res_logits)
    method_options.low_res_logits = name_of(signature.output(model::methods::kEval, model::roles::kLogits));
  method_options.arena = options.arena;
  method_options.max_table_bytes = options.max_table_bytes;
  return method_options;
}

// Logits have the image's pixels, or, before a resize, their own.
Status check_logits(const TensorView& logits, const TensorDesc& image, bool low_res_logits,
                    const std::string& what) {
  const TensorDesc& actual = logits.desc;
  const bool map = actual.shape.rank() == image.shape.rank();
  Shape expected = image.shape;
  expected[1] = map ? actual.c() : 1;
  if (map && low_res_logits) expected[2] = actual.h(), expected[3] = actual.w();
  return check_signature(logits, TensorDesc::nhwc(DType::f32, expected), what);
}

// The dense tensor in the order that the session has it in.
std::vector<std::byte> in_memory_order(const TensorView& from, const TensorView& to) {
  std::vector<std::byte> staged(static_cast<std::size_t>(to.desc.bytes()));
  if (to.desc.layout == Layout::nhwc) {
    nchw_to_nhwc({from.as<const float>(), static_cast<std::size_t>(from.desc.shape.count())},
                 {to.desc, staged.data()});
  } else {
    std::memcpy(staged.data(), from.data, staged.size());
  }
  return staged;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<const model::Program> program,
                                                 std::shared_ptr<weights::Weights> weights,
                                                 const Options& options) try {
  Options of_weights = options;
  if (of_weights.quantised == nullptr) of_weights.quantised = &weights->quantised();
  GRAPHRUN_ASSIGN(PlannedMethod planned, prepare(*program, *weights->backend(), of_weights));
  return create(std::move(program), std::move(weights), options, std::move(planned));
} catch (...) {
  return core::caught();
}

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<const model::Program> program,
                                                 std::shared_ptr<weights::Weights> weights,
                                                 const Options& options, PlannedMethod planned) try {
  std::shared_ptr<model::Backend> backend = weights->backend();
  GRAPHRUN_ASSIGN(const MethodOptions bound, method_options(*program, options));
  const model::Signature& signature = program->model().signature;
  const std::string image = name_of(signature.input(model::roles::kImage));
  const std::string logits = name_of(signature.output(model::methods::kEval, model::roles::kLogits));
  GRAPHRUN_ASSIGN(std::unique_ptr<BoundMethod> method,
                  BoundMethod::bind(std::move(program), std::move(planned), std::move(weights), {}, bound));
  if (!image.empty()) {
    const TensorDesc expected = TensorDesc::nhwc(DType::f32, bound.input_shapes.at(image));
    GRAPHRUN_TRY(check_signature(method->input(image), expected, "input \"" + image + "\""));
    if (!logits.empty()) {
      GRAPHRUN_TRY(check_logits(method->output(logits), expected, options.low_res_logits,
                                "output \"" + logits + "\""));
    }
  }
  std::unique_ptr<Session> session(new Session(std::move(method), std::move(backend)));
  session->image_ = image;
  session->logits_ = logits;
  return session;
} catch (...) {
  return core::caught();
}

Result<PlannedMethod> Session::prepare(const model::Program& program, const model::Backend& backend,
                                       const Options& options) try {
  GRAPHRUN_TRY(model::check_precision(backend, options.precision));
  // A part of quantised weights may have nothing in 8 bits; of real numbers no variable is known.
  if (options.precision == DType::s8 &&
      (options.quantised == nullptr || options.quantised->variables.empty())) {
    return {ErrorCode::invalid_argument,
            "the weights are not quantised, which int8 needs (grun quantize makes such a file)"};
  }
  GRAPHRUN_ASSIGN(const MethodOptions bound, method_options(program, options));
  return prepare_method(program, model::methods::kEval, backend, bound);
} catch (...) {
  return core::caught();
}

Result<MemoryRequirements> Session::plan(const model::Program& program, const model::Backend& backend,
                                         const Options& options) try {
  GRAPHRUN_ASSIGN(const PlannedMethod planned, prepare(program, backend, options));
  return requirements_of(planned, false);
} catch (...) {
  return core::caught();
}

Result<Session::Options> Session::smallest_valid_size(const model::Program& program,
                                                      const Options& options) try {
  constexpr std::int64_t kMax = 128;
  // Long requirements are tried for fewer sizes, so that a file cannot choose how long this takes.
  constexpr std::int64_t kMaxSteps = std::int64_t{1} << 23;
  std::int64_t steps_each = 1 + std::ssize(program.model().parameters);
  for (const model::Requirement& requirement : program.model().requirements)
    steps_each += std::ssize(requirement.condition.tokens);
  std::int64_t sizes = kMaxSteps / steps_each;
  Status refused;
  for (std::int64_t more = 0; more <= 2 * kMax; ++more) {
    for (std::int64_t rows = std::max<std::int64_t>(0, more - kMax); rows <= std::min(more, kMax); ++rows) {
      if (more > 0 && --sizes < 0) return refused;
      Options larger = options;
      larger.h += rows;
      larger.w += more - rows;
      GRAPHRUN_ASSIGN(const MethodOptions bound, method_options(program, larger));
      const Status status = status_of(solve_dims(program, bound.input_shapes));
      if (status.ok()) return larger;
      if (status.code() != ErrorCode::shape) return status;
      if (more == 0) refused = status;
    }
  }
  return refused;
} catch (...) {
  return core::caught();
}

Result<TensorView> Session::input(std::string_view name) const try {
  const TensorView view = method_->input(name);
  if (view.data != nullptr) return view;
  return {ErrorCode::not_found, "the model has no input \"" + std::string(name) + "\" in its method \"" +
                                    std::string(model::methods::kEval) + "\""};
} catch (...) {
  return core::caught();
}

Result<TensorView> Session::output(std::string_view name) const try {
  const TensorView view = method_->output(name);
  if (view.data != nullptr) return view;
  return {ErrorCode::not_found, "the model has no output \"" + std::string(name) + "\""};
} catch (...) {
  return core::caught();
}

Result<TensorView> Session::logits() const try {
  if (!logits_.empty()) return output(logits_);
  return {ErrorCode::not_found,
          "the model has no output with the role \"" + std::string(model::roles::kLogits) + "\""};
} catch (...) {
  return core::caught();
}

Status Session::set_input_nchw(std::span<const float> image) try {
  const TensorView view = input();
  if (view.data == nullptr)
    return {ErrorCode::not_found,
            "the model has no input with the role \"" + std::string(model::roles::kImage) + "\""};
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

Status Session::set_input(std::string_view name, const TensorView& from) try {
  GRAPHRUN_ASSIGN(const TensorView view, input(name));
  const TensorDesc expected = TensorDesc::dense(view.desc.dtype, view.desc.shape);
  GRAPHRUN_TRY(check_signature(from, expected, "input \"" + std::string(name) + "\""));
  if (view.desc.layout == Layout::nhwc && view.desc.dtype != DType::f32) {
    return {ErrorCode::unsupported, "input \"" + std::string(name) + "\": maps of " +
                                        std::string(to_string(view.desc.dtype)) + " cannot be set"};
  }
  const std::vector<std::byte> staged = in_memory_order(from, view);
  return backend_->copy_to_device(view.data, staged.data(), view.desc.bytes());
} catch (...) {
  return core::caught();
}

Status Session::get_output_nchw(std::string_view name, std::span<float> out) const try {
  GRAPHRUN_ASSIGN(const TensorView view, output(name));
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
