#include "runtime/session/session.h"

#include "runtime/session/layout.h"

namespace graphrun {

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<const Program> program,
                                                 std::shared_ptr<Weights> weights, const Options& options) {
  std::shared_ptr<Backend> backend = weights->backend();
  MethodOptions method_options;
  method_options.input_shapes["image"] = Shape{options.n, 3, options.h, options.w};
  method_options.constant_weights = true;
  method_options.fuse = options.fuse;
  GRAPHRUN_ASSIGN(std::unique_ptr<BoundMethod> method,
                  BoundMethod::bind(std::move(program), "eval", std::move(weights), {}, method_options));
  return std::unique_ptr<Session>(new Session(std::move(method), std::move(backend)));
}

Status Session::set_input_nchw(std::span<const float> image) {
  const TensorView view = input();
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
