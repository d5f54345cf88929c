#include "runtime/session/train_session.h"

#include <algorithm>
#include <array>

#include "runtime/session/roles.h"

namespace graphrun {

Result<std::unique_ptr<TrainSession>> TrainSession::create(std::shared_ptr<const Program> program,
                                                           std::shared_ptr<Weights> weights,
                                                           const Options& options) {
  if (!weights->writable())
    return {ErrorCode::invalid_argument, "training needs weights of its own, not a mapped file"};
  std::unique_ptr<TrainSession> session(new TrainSession(std::move(program), std::move(weights)));
  GRAPHRUN_TRY(session->allocate_gradients());
  MethodOptions method_options;
  method_options.input_shapes["image"] = Shape{options.n, 3, options.h, options.w};
  method_options.fuse = options.fuse;
  GRAPHRUN_ASSIGN(session->train_, BoundMethod::bind(session->program_, "train", session->weights_,
                                                     session->gradients_, method_options));
  GRAPHRUN_ASSIGN(session->update_, BoundMethod::bind(session->program_, "update", session->weights_,
                                                      session->gradients_, method_options));
  GRAPHRUN_TRY(session->check_roles(options));
  return session;
}

// What this class and its users copy to and from by its name.
Status TrainSession::check_roles(const Options& options) const {
  const auto check = [](const TensorView& view, const TensorDesc& expected, const char* what) {
    return view.data == nullptr ? Status() : check_role(view, expected, what);
  };
  GRAPHRUN_TRY(check_role(image(), TensorDesc::nhwc(DType::f32, {options.n, 3, options.h, options.w}),
                          "input \"image\""));
  GRAPHRUN_TRY(
      check(label(), TensorDesc::dense(DType::i32, {options.n, options.h, options.w}), "input \"label\""));
  GRAPHRUN_TRY(check(train_->input("rng"), TensorDesc::dense(DType::i64, {3}), "input \"rng\""));
  const TensorView confusion = output("confusion");
  const std::int64_t classes = confusion.desc.shape.rank() == 0 ? 1 : confusion.desc.shape[0];
  GRAPHRUN_TRY(check(confusion, TensorDesc::dense(DType::i64, {classes, classes}), "output \"confusion\""));
  return check(update_->input("lr"), TensorDesc::dense(DType::f32, {}), "input \"lr\"");
}

Status TrainSession::check_supervised() const {
  if (label().data == nullptr)
    return {ErrorCode::invalid_argument, "the method \"train\" has no input \"label\""};
  if (output("confusion").data == nullptr)
    return {ErrorCode::invalid_argument, "the method \"train\" has no output \"confusion\""};
  return {};
}

Status TrainSession::allocate_gradients() {
  const Model& model = program_->model();
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    gradients_.push_back({TensorDesc::dense(model.variables[i].dtype, program_->variable_shape(i)), nullptr});
    if (model.variables[i].kind == VariableKind::gradient) bytes += gradients_[i].desc.bytes();
  }
  GRAPHRUN_ASSIGN(gradient_memory_, weights_->backend()->allocate(bytes));
  auto* memory = static_cast<std::byte*>(gradient_memory_->data());
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    if (model.variables[i].kind != VariableKind::gradient) continue;
    gradients_[i].data = memory;
    memory += gradients_[i].desc.bytes();
  }
  return {};
}

Status TrainSession::compute(const RandomState& random, StepObserver* observer) {
  if (const TensorView view = train_->input("rng"); view.data != nullptr) {
    const std::array<std::int64_t, 3> numbers{random.seed, random.iteration, random.first_sample};
    GRAPHRUN_TRY(weights_->backend()->copy_to_device(view.data, numbers.data(), sizeof(numbers)));
  }
  weights_->touch();
  return train_->run(observer);
}

Status TrainSession::update(double learning_rate, StepObserver* observer) {
  const float rate = static_cast<float>(learning_rate);
  const TensorView lr = update_->input("lr");
  if (lr.data == nullptr) return {ErrorCode::not_found, "the method \"update\" has no input \"lr\""};
  GRAPHRUN_TRY(weights_->backend()->copy_to_device(lr.data, &rate, sizeof(rate)));
  weights_->touch();
  return update_->run(observer);
}

std::optional<double> TrainSession::scalar(std::string_view name) const {
  const TensorView view = output(name);
  if (view.data == nullptr || view.desc.shape.count() != 1 || view.desc.dtype != DType::f32)
    return std::nullopt;
  float value = 0;
  if (!weights_->backend()->copy_to_host(&value, view.data, sizeof(value)).ok()) return std::nullopt;
  return value;
}

TensorView TrainSession::gradient(std::string_view parameter) const {
  const Model& model = program_->model();
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    const Variable& variable = model.variables[i];
    if (variable.kind != VariableKind::gradient || variable.of < 0) continue;
    if (model.variables[static_cast<std::size_t>(variable.of)].name == parameter) return gradients_[i];
  }
  return {};
}

}  // namespace graphrun
