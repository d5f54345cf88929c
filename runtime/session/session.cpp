#include "runtime/session/session.h"

#include "runtime/session/layout.h"
#include "runtime/session/roles.h"

namespace graphrun {
namespace {

Status check_count(std::size_t actual, const TensorDesc& desc) {
  const std::int64_t expected = desc.shape.count();
  if (actual == static_cast<std::size_t>(expected)) return {};
  return {ErrorCode::invalid_argument, "expected " + std::to_string(expected) + " numbers for " +
                                           to_string(desc.shape) + ", got " + std::to_string(actual)};
}

}  // namespace

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<const Program> program,
                                                 std::shared_ptr<Weights> weights, const Options& options) {
  std::shared_ptr<Backend> backend = weights->backend();
  MethodOptions method_options;
  method_options.input_shapes["image"] = Shape{options.n, 3, options.h, options.w};
  method_options.constant_weights = true;
  method_options.fuse = options.fuse;
  GRAPHRUN_ASSIGN(std::unique_ptr<BoundMethod> method,
                  BoundMethod::bind(std::move(program), "eval", std::move(weights), {}, method_options));
  const Shape image{options.n, 3, options.h, options.w};
  GRAPHRUN_TRY(check_role(method->input("image"), TensorDesc::nhwc(DType::f32, image), "input \"image\""));
  if (const TensorView logits = method->output("logits"); logits.data != nullptr) {
    Shape expected = image;
    expected[1] = logits.desc.shape.rank() == 4 ? logits.desc.c() : 1;
    GRAPHRUN_TRY(check_role(logits, TensorDesc::nhwc(DType::f32, expected), "output \"logits\""));
  }
  return std::unique_ptr<Session>(new Session(std::move(method), std::move(backend)));
}

Status Session::set_input_nchw(std::span<const float> image) {
  const TensorView view = input();
  GRAPHRUN_TRY(check_count(image.size(), view.desc));
  if (backend_->is_host()) {
    nchw_to_nhwc(image, view);
    return {};
  }
  std::vector<float> staged(image.size());
  nchw_to_nhwc(image, {view.desc, staged.data()});
  return backend_->copy_to_device(view.data, staged.data(), view.desc.bytes());
}

Status Session::get_output_nchw(std::string_view name, std::span<float> out) const {
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
}

}  // namespace graphrun
