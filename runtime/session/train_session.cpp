#include "runtime/session/train_session.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>

#include "runtime/core/guard.h"
#include "runtime/core/size_text.h"
#include "runtime/model/team.h"
#include "runtime/session/dims.h"
#include "runtime/session/nonfinite.h"
#include "runtime/session/shard.h"
#include "runtime/session/signature.h"

namespace graphrun::session {
namespace {

// In TrainSession::numbers_: the factors of axpby, then, on a cache line of its own, what first_nonfinite
// found.
constexpr std::int64_t kIndexAt = 64;
constexpr std::int64_t kSquaresAt = 2 * kIndexAt;  // the sum of the gradients' squares
constexpr float kMaxClassWeight = 1e6F;            // beyond, sums over pixels leave f32

}  // namespace

Result<std::unique_ptr<TrainSession>> TrainSession::create(std::shared_ptr<const model::Program> program,
                                                           std::shared_ptr<weights::Weights> weights,
                                                           const Options& options) try {
  if (!weights->writable())
    return {ErrorCode::invalid_argument, "training needs weights of its own, not a mapped file"};
  GRAPHRUN_TRY(weights->backend()->check_precision(options.precision));
  std::unique_ptr<TrainSession> session(new TrainSession(std::move(program), std::move(weights)));
  GRAPHRUN_TRY(session->allocate_gradients());
  session->parallel_ = options.parallel;
  if (session->parallel_.comm != nullptr && session->parallel_.comm->size() == 1) session->parallel_ = {};
  GRAPHRUN_TRY(session->bind_gradient_ops(options));
  MethodOptions method_options;
  GRAPHRUN_ASSIGN(method_options.input_shapes,
                  image_shapes(*session->program_, options.n, options.h, options.w));
  method_options.fuse = options.fuse;
  method_options.precision = options.precision;
  method_options.reductions.batch_statistics = session->parallel_.norm_ranks;
  if (!session->parallel_.mean_of_ranks) method_options.reductions.loss = session->parallel_.comm;
  GRAPHRUN_TRY(session->bind_update(method_options));
  GRAPHRUN_TRY(session->bind_clip(options));
  GRAPHRUN_TRY(session->bind_train(options.memory_budget, method_options));
  if (session->parallel_.comm != nullptr) {
    GRAPHRUN_TRY(session->bind_exchange(session->program_->registry()));
    session->train_replay_.require_recording();
  }
  GRAPHRUN_TRY(session->check_ports(options));
  if (const TensorView view = session->class_weights(); view.data != nullptr) {
    const std::vector<float> ones(static_cast<std::size_t>(view.desc.shape.count()), 1.0f);
    GRAPHRUN_TRY(session->set_class_weights(ones));
  }
  return session;
} catch (...) {
  return core::caught();
}

Result<TrainMemory> TrainSession::plan(const model::Program& program, const model::Backend& backend,
                                       const Options& options) try {
  TrainMemory memory;
  const std::vector<model::Variable>& variables = program.model().variables;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const std::int64_t bytes = TensorDesc::dense(variables[i].dtype, program.variable_shape(i)).bytes();
    (variables[i].kind == VariableKind::gradient ? memory.gradients : memory.variables) += bytes;
  }
  if (options.accumulate) memory.gradients *= 2;
  MethodOptions method_options;
  GRAPHRUN_ASSIGN(method_options.input_shapes, image_shapes(program, options.n, options.h, options.w));
  method_options.fuse = options.fuse;
  method_options.precision = options.precision;
  for (const std::string_view method : {model::methods::kTrain, model::methods::kUpdate}) {
    if (method == model::methods::kUpdate && program.model().method(method) == nullptr) continue;
    GRAPHRUN_ASSIGN(const PlannedMethod planned, prepare_method(program, method, backend, method_options));
    GRAPHRUN_ASSIGN(const MemoryRequirements needs, requirements_of(planned, true));
    memory.activations += needs.value_bytes;
    memory.scratch += needs.arena_bytes - needs.value_bytes;
  }
  return memory;
} catch (...) {
  return core::caught();
}

std::int64_t TrainSession::bytes_besides_activations() const {
  // The exchange, which is made later, packs all gradients.
  const bool packs = parallel_.comm != nullptr && parallel_.exchange.type == DType::bf16;
  return weights_->bytes() + gradient_memory_->bytes() + (sum_memory_ ? sum_memory_->bytes() : 0) +
         (packs ? gradient_bytes_ / 2 : 0) + numbers_->bytes() + update_->arena_bytes();
}

// After bind_update(), whose memory the budget covers too.
Status TrainSession::bind_train(std::int64_t budget, MethodOptions method_options) {
  const std::int64_t besides = bytes_besides_activations();
  if (budget > 0) {
    method_options.arena_budget = budget - besides;
    method_options.arena = [&](std::int64_t bytes) -> Result<std::shared_ptr<model::Buffer>> {
      if (bytes > budget - besides) {
        return {ErrorCode::out_of_memory,
                "training needs " + core::size_text_up(besides + bytes) + " at least, " +
                    core::size_text(bytes) + " of them for activations, and its memory budget is " +
                    core::size_text(budget) +
                    "; a smaller batch_size or crop takes less, as does a batch in more parts (accumulate)"};
      }
      GRAPHRUN_ASSIGN(std::shared_ptr<model::Buffer> arena,
                      weights_->backend()->allocate(bytes).with_context("activations"));
      return arena;
    };
  }
  GRAPHRUN_ASSIGN(train_,
                  BoundMethod::bind(program_, model::methods::kTrain, weights_, gradients_, method_options));
  return {};
}

Status TrainSession::bind_update(MethodOptions method_options) {
  const model::Model& model = program_->model();
  const model::Method* const update = model.method(model::methods::kUpdate);
  const model::Port* const rate = model.signature.input(model::roles::kLearningRate);
  for (const model::Value& value : update == nullptr ? std::vector<model::Value>() : update->values) {
    if (value.origin != model::Origin::input || (rate != nullptr && value.name == rate->name)) continue;
    return {ErrorCode::unsupported, "the method that updates parameters has the input \"" + value.name +
                                        "\"; a training session gives the learning rate alone"};
  }
  model::Method own;
  if (parallel_.shard_optimizer) {
    owners_ = partition_parameters(*program_, parallel_.comm->size());
    if (update == nullptr) return {ErrorCode::not_found, "the model has no method to update with"};
    GRAPHRUN_ASSIGN(own, shard_update(model, *update, owners_, parallel_.comm->rank()));
    method_options.method = &own;
    parameter_bytes_.resize(static_cast<std::size_t>(parallel_.comm->size()));
    for (std::size_t i = 0; i < owners_.size(); ++i) {
      if (model.variables[i].kind != VariableKind::parameter || owners_[i] < 0) continue;
      auto* const data = static_cast<std::byte*>(weights_->variable(i).data);
      if (parameters_ == nullptr) parameters_ = data;
      const auto before = std::reduce(parameter_bytes_.begin(), parameter_bytes_.end());
      if (data != static_cast<std::byte*>(parameters_) + before)
        return {ErrorCode::internal, "parameters that are trained do not lie one after the other"};
      parameter_bytes_[static_cast<std::size_t>(owners_[i])] += weights_->variable(i).desc.bytes();
    }
  }
  GRAPHRUN_ASSIGN(update_,
                  BoundMethod::bind(program_, model::methods::kUpdate, weights_, gradients_, method_options));
  return {};
}

Status TrainSession::bind_exchange(const OpRegistry& ops) {
  const model::Model& model = program_->model();
  const std::vector<std::int32_t> last_steps = train_->last_steps(model.variables.size());
  std::vector<ReadyGradient> gradients;
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    if (model.variables[i].kind != VariableKind::gradient) continue;
    gradients.push_back({gradients_[i], last_steps[i], owners_.empty() ? -1 : owners_[i]});
  }
  GRAPHRUN_ASSIGN(exchange_, GradientReducer::create(ops, *weights_->backend(), parallel_.comm, gradients,
                                                     parallel_.exchange));
  return {};
}

TensorView TrainSession::input_of(const BoundMethod& method, std::string_view role) const {
  const model::Port* const port = program_->model().signature.input(role);
  return port == nullptr ? TensorView() : method.input(port->name);
}

TensorView TrainSession::output_of(std::string_view role) const {
  const model::Port* const port = program_->model().signature.output(model::methods::kTrain, role);
  return port == nullptr ? TensorView() : train_->output(port->name);
}

// What this class and its users copy to and from by its role.
Status TrainSession::check_ports(const Options& options) const {
  const model::Signature& signature = program_->model().signature;
  const auto check = [](const TensorView& view, const model::Port* port, const char* kind,
                        const TensorDesc& expected) {
    if (view.data == nullptr) return Status();
    return check_signature(view, expected, std::string(kind) + " \"" + port->name + "\"");
  };
  const auto input = [&](const BoundMethod& method, std::string_view role, const TensorDesc& expected) {
    return check(input_of(method, role), signature.input(role), "input", expected);
  };
  GRAPHRUN_ASSIGN(const InputShapes image, image_shapes(*program_, options.n, options.h, options.w));
  const auto& [name, shape] = *image.begin();
  GRAPHRUN_TRY(
      check_signature(train_->input(name), TensorDesc::nhwc(DType::f32, shape), "input \"" + name + "\""));
  GRAPHRUN_TRY(
      input(*train_, model::roles::kLabel, TensorDesc::dense(DType::i32, {options.n, options.h, options.w})));
  GRAPHRUN_TRY(input(*train_, model::roles::kRandomState, TensorDesc::dense(DType::i64, {3})));
  const TensorView weights = class_weights();
  if (weights.data != nullptr) {
    const std::int64_t classes = weights.desc.shape.rank() == 1 ? weights.desc.shape[0] : 1;
    GRAPHRUN_TRY(input(*train_, model::roles::kClassWeights, TensorDesc::dense(DType::f32, {classes})));
  }
  const TensorView confusion = output_of(model::roles::kConfusion);
  const std::int64_t classes = confusion.desc.shape.rank() == 0 ? 1 : confusion.desc.shape[0];
  GRAPHRUN_TRY(check(confusion, signature.output(model::methods::kTrain, model::roles::kConfusion), "output",
                     TensorDesc::dense(DType::i64, {classes, classes})));
  return input(*update_, model::roles::kLearningRate, TensorDesc::dense(DType::f32, {}));
}

Status TrainSession::check_supervised() const {
  const model::Model& model = program_->model();
  if (label().data == nullptr) return missing_port(model, "input", model::roles::kLabel);
  if (output_of(model::roles::kConfusion).data == nullptr)
    return missing_port(model, "output", model::roles::kConfusion);
  return {};
}

Status TrainSession::set_class_weights(std::span<const float> weights) try {
  const auto bad = [](const std::string& message) {
    return Status(ErrorCode::invalid_argument, "class weights: " + message);
  };
  const TensorView view = class_weights();
  if (view.data == nullptr) return missing_port(program_->model(), "input", model::roles::kClassWeights);
  const std::int64_t classes = view.desc.shape.count();
  if (std::ssize(weights) != classes)
    return bad("expected one for each of " + std::to_string(classes) + " classes, got " +
               std::to_string(weights.size()));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] >= 0 && weights[i] <= kMaxClassWeight))
      return bad("that of class " + std::to_string(i) + " is " + std::to_string(weights[i]) +
                 "; expected a number from 0 to 1000000");
  }
  if (std::ranges::all_of(weights, [](float weight) { return weight == 0; })) return bad("all are 0");
  return weights_->backend()->copy_to_device(view.data, weights.data(), view.desc.bytes());
} catch (...) {
  return core::caught();
}

Status TrainSession::allocate_gradients() {
  const model::Model& model = program_->model();
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    gradients_.push_back({TensorDesc::dense(model.variables[i].dtype, program_->variable_shape(i)), nullptr});
    if (model.variables[i].kind == VariableKind::gradient) gradient_bytes_ += gradients_[i].desc.bytes();
  }
  GRAPHRUN_ASSIGN(gradient_memory_, weights_->backend()->allocate(gradient_bytes_).with_context("gradients"));
  auto* memory = static_cast<std::byte*>(gradient_memory_->data());
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    if (model.variables[i].kind != VariableKind::gradient) continue;
    gradients_[i].data = memory;
    memory += gradients_[i].desc.bytes();
  }
  return {};
}

// Gradients lie one after the other without gaps, so that each op is one pass over one tensor.
Status TrainSession::bind_gradient_ops(const Options& options) {
  model::Backend& backend = *weights_->backend();
  const OpRegistry& ops = program_->registry();
  const TensorDesc range =
      TensorDesc::dense(DType::f32, {gradient_bytes_ / static_cast<std::int64_t>(sizeof(float))});
  const TensorView gradients{range, gradient_memory_->data()};
  GRAPHRUN_ASSIGN(numbers_, backend.allocate(3 * kIndexAt));
  const TensorView factors{TensorDesc::dense(DType::f32, {2}), numbers_->data()};
  const TensorView index{TensorDesc::dense(DType::i64, {}),
                         static_cast<std::byte*>(numbers_->data()) + kIndexAt};
  GRAPHRUN_ASSIGN(first_nonfinite_,
                  BoundOp::bind(ops, backend, OpRole::first_nonfinite, {}, {gradients}, {index}));
  if (parallel_.comm != nullptr && parallel_.mean_of_ranks) {
    GRAPHRUN_ASSIGN(scale_, BoundOp::bind(ops, backend, OpRole::linear_combination, {},
                                          {factors, gradients, gradients}, {gradients}));
  }
  if (!options.accumulate) return {};
  GRAPHRUN_ASSIGN(sum_memory_, backend.allocate(gradient_bytes_));
  const TensorView sum{range, sum_memory_->data()};
  GRAPHRUN_ASSIGN(add_to_sum_, BoundOp::bind(ops, backend, OpRole::linear_combination, {},
                                             {factors, gradients, sum}, {sum}));
  GRAPHRUN_ASSIGN(add_sum_, BoundOp::bind(ops, backend, OpRole::linear_combination, {},
                                          {factors, sum, gradients}, {gradients}));
  return {};
}

// After bind_update(), which says whose the gradients are: of other ranks' parameters there are no sums here.
Status TrainSession::bind_clip(const Options& options) {
  if (!options.clip) return {};
  const model::Model& model = program_->model();
  std::byte* begin = nullptr;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    if (model.variables[i].kind != VariableKind::gradient) continue;
    if (!owners_.empty() && owners_[i] != parallel_.comm->rank()) continue;
    if (begin == nullptr) begin = static_cast<std::byte*>(gradients_[i].data);
    bytes += gradients_[i].desc.bytes();
  }
  model::Backend& backend = *weights_->backend();
  const auto range = [](std::int64_t size) {
    return TensorDesc::dense(DType::f32, {size / static_cast<std::int64_t>(sizeof(float))});
  };
  auto* const numbers = static_cast<std::byte*>(numbers_->data());
  const TensorView factors{TensorDesc::dense(DType::f32, {2}), numbers};
  const TensorView sum{TensorDesc::dense(DType::f64, {}), numbers + kSquaresAt};
  const TensorView all{range(gradient_bytes_), gradient_memory_->data()};
  const OpRegistry& ops = program_->registry();
  if (bytes > 0) {
    GRAPHRUN_ASSIGN(squares_,
                    BoundOp::bind(ops, backend, OpRole::sum_of_squares, {}, {{range(bytes), begin}}, {sum}));
  }
  GRAPHRUN_ASSIGN(clip_scale_,
                  BoundOp::bind(ops, backend, OpRole::linear_combination, {}, {factors, all, all}, {all}));
  return {};
}

Result<double> TrainSession::clip_gradients(double norm) try {
  if (!clip_scale_) return {ErrorCode::internal, "clip_gradients() of a session that was not made for it"};
  model::Backend& backend = *weights_->backend();
  std::byte* const at = static_cast<std::byte*>(numbers_->data()) + kSquaresAt;
  double sum = 0;
  if (squares_) {
    GRAPHRUN_TRY(squares_->run());
  } else {
    GRAPHRUN_TRY(backend.copy_to_device(at, &sum, sizeof(sum)));
  }
  if (!owners_.empty()) {
    const auto lock = backend.lock();
    GRAPHRUN_TRY(collective::all_reduce(*parallel_.comm, at, 1, DType::f64));
  }
  GRAPHRUN_TRY(backend.copy_to_host(&sum, at, sizeof(sum)));
  // As torch.nn.utils.clip_grad_norm_ has it.
  constexpr double kSmall = 1e-6;
  const double found = std::sqrt(sum);
  const double factor = norm / (found + kSmall);
  if (factor < 1) GRAPHRUN_TRY(run_axpby(*clip_scale_, factor, 0));
  return found;
} catch (...) {
  return core::caught();
}

Status TrainSession::compute(const RandomState& random, StepObserver* observer) try {
  const auto work = [&] { return compute_here(random, observer); };
  return model::run_with_team(*weights_->backend(), std::ref(work));
} catch (...) {
  return core::caught();
}

Status TrainSession::compute_here(const RandomState& random, StepObserver* observer) {
  if (const TensorView view = input_of(*train_, model::roles::kRandomState); view.data != nullptr) {
    const std::array<std::int64_t, 3> numbers{random.seed, random.iteration, random.first_sample};
    GRAPHRUN_TRY(weights_->backend()->copy_to_device(view.data, numbers.data(), sizeof(numbers)));
  }
  weights_->touch();
  if (scale_) GRAPHRUN_TRY(set_factors(1.0 / parallel_.comm->size(), 0));
  GRAPHRUN_TRY(train_->refresh());
  const bool whole = observer == nullptr && (parallel_.comm == nullptr || parallel_.comm->capturable());
  if (whole) return train_replay_.run([this] { return run_train(nullptr); });
  const auto lock = weights_->backend()->lock();
  return run_train(observer);
}

// Everything between the copies of a step's inputs and its results.
Status TrainSession::run_train(StepObserver* observer) {
  const bool exchanges = exchange_ != nullptr && !add_to_sum_;
  if (exchanges) exchange_->begin();
  GRAPHRUN_TRY(train_->run_steps(observer, exchanges ? exchange_.get() : nullptr));
  if (!exchanges) return {};
  if (observer != nullptr) observer->begin_other("gradients", "all-reduce");
  GRAPHRUN_TRY(exchange_gradients());
  if (observer != nullptr) observer->end_other();
  return {};
}

// With means of ranks, set_factors() comes first.
Status TrainSession::exchange_gradients() {
  GRAPHRUN_TRY(exchange_->finish());
  return scale_ ? scale_->run() : Status();
}

Status TrainSession::accumulate(double weight, bool first, bool last) try {
  if (!add_to_sum_) return {ErrorCode::internal, "accumulate() of a session without memory for it"};
  weight_ = first ? weight : weight_ + weight;
  if (!last) return run_axpby(*add_to_sum_, weight, first ? 0 : 1);
  if (!first) {
    // Nothing was counted in any part: no gradients.
    const double scale = weight_ == 0 ? 0 : 1 / weight_;
    GRAPHRUN_TRY(run_axpby(*add_sum_, scale, scale * weight));
  }
  if (exchange_ == nullptr) return {};
  if (scale_) GRAPHRUN_TRY(set_factors(1.0 / parallel_.comm->size(), 0));
  const auto lock = weights_->backend()->lock();
  exchange_->begin();
  return exchange_gradients();
} catch (...) {
  return core::caught();
}

Status TrainSession::set_factors(double a, double b) {
  const std::array<float, 2> factors{static_cast<float>(a), static_cast<float>(b)};
  return weights_->backend()->copy_to_device(numbers_->data(), factors.data(), sizeof(factors));
}

Status TrainSession::run_axpby(BoundOp& op, double a, double b) {
  GRAPHRUN_TRY(set_factors(a, b));
  return op.run();
}

Result<std::string> TrainSession::nonfinite_gradient() try {
  GRAPHRUN_TRY(first_nonfinite_->run());
  std::int64_t index = -1;
  GRAPHRUN_TRY(weights_->backend()->copy_to_host(
      &index, static_cast<const std::byte*>(numbers_->data()) + kIndexAt, sizeof(index)));
  if (index < 0) return std::string();
  const float* const at = static_cast<const float*>(gradient_memory_->data()) + index;
  const model::Model& model = program_->model();
  for (std::size_t i = 0; i < gradients_.size(); ++i) {
    const float* const begin = gradients_[i].as<const float>();
    if (begin == nullptr || at < begin || at >= begin + gradients_[i].desc.shape.count()) continue;
    return model.variables[static_cast<std::size_t>(model.variables[i].of)].name;
  }
  return {ErrorCode::internal, "a gradient outside the gradients"};
} catch (...) {
  return core::caught();
}

Result<std::string> TrainSession::find_nonfinite(const RandomState& random) try {
  model::Backend& backend = *weights_->backend();
  std::string before;
  const auto check = [&](const std::string& what, const TensorView& view) -> Status {
    if (!before.empty() || view.data == nullptr) return {};
    GRAPHRUN_ASSIGN(const std::string found, describe_nonfinite(view, backend));
    if (!found.empty()) before = what + " was not finite before this step (" + found + "); ";
    return {};
  };
  const std::vector<model::Variable>& variables = program_->model().variables;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].kind == VariableKind::parameter)
      GRAPHRUN_TRY(check("the parameter " + variables[i].name, weights_->variable(i)));
  }
  const model::Port* const image_port = program_->model().signature.input(model::roles::kImage);
  GRAPHRUN_TRY(check("the input " + image_port->name, image()));
  NonFiniteFinder finder(backend);
  GRAPHRUN_TRY(compute(random, &finder));
  GRAPHRUN_TRY(finder.status());
  if (finder.found().empty()) return before + "all outputs were finite when it was computed once more";
  return before + "the first output that is not finite is " + finder.found();
} catch (...) {
  return core::caught();
}

Status TrainSession::update(double learning_rate, StepObserver* observer) try {
  const float rate = static_cast<float>(learning_rate);
  const TensorView lr = input_of(*update_, model::roles::kLearningRate);
  // A rank may have no parameter to update.
  if (lr.data != nullptr) {
    GRAPHRUN_TRY(weights_->backend()->copy_to_device(lr.data, &rate, sizeof(rate)));
  } else if (owners_.empty()) {
    return missing_port(program_->model(), "input", model::roles::kLearningRate);
  }
  weights_->touch();
  GRAPHRUN_TRY(update_->run(observer));
  return owners_.empty() ? Status() : gather_parameters();
} catch (...) {
  return core::caught();
}

Status TrainSession::gather_parameters() {
  const auto lock = weights_->backend()->lock();
  GRAPHRUN_ASSIGN(const collective::Communicator::Ticket ticket,
                  parallel_.comm->all_gather(parameters_, parameter_bytes_));
  GRAPHRUN_TRY(parallel_.comm->wait(ticket));
  weights_->touch();
  return {};
}

Result<double> TrainSession::number(const TensorView& view, std::string_view what) const try {
  if (view.data == nullptr || view.desc.shape.count() != 1 || view.desc.dtype != DType::f32)
    return {ErrorCode::not_found, "training has no scalar output \"" + std::string(what) + "\""};
  float value = 0;
  GRAPHRUN_TRY(weights_->backend()->copy_to_host(&value, view.data, sizeof(value)));
  return static_cast<double>(value);
} catch (...) {
  return core::caught();
}

TensorView TrainSession::gradient(std::string_view parameter) const {
  const model::Model& model = program_->model();
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    const model::Variable& variable = model.variables[i];
    if (variable.kind != VariableKind::gradient || variable.of < 0) continue;
    if (model.variables[static_cast<std::size_t>(variable.of)].name == parameter) return gradients_[i];
  }
  return {};
}

}  // namespace graphrun::session
