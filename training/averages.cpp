#include "training/averages.h"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/core/guard.h"
#include "runtime/weights/convert.h"

namespace graphrun::training {
namespace {

constexpr std::int64_t kPartAt = 64;  // in Averages::numbers_, after the factors of copies

}  // namespace

Result<std::unique_ptr<Averages>> Averages::make(const model::Program& program,
                                                 std::shared_ptr<weights::Weights> weights,
                                                 double decay) try {
  std::unique_ptr<Averages> averages(new Averages(std::move(weights)));
  const std::vector<model::Variable>& variables = program.model().variables;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].kind == VariableKind::parameter) bytes += averages->weights_->variable(i).desc.bytes();
  }
  model::Backend& backend = *averages->weights_->backend();
  GRAPHRUN_ASSIGN(averages->memory_, backend.allocate(bytes).with_context("averages of the parameters"));
  auto* memory = static_cast<std::byte*>(averages->memory_->data());
  const TensorDesc range = TensorDesc::dense(DType::f32, {bytes / static_cast<std::int64_t>(sizeof(float))});
  for (std::size_t i = 0; i < variables.size(); ++i) {
    averages->names_.push_back(variables[i].name);
    TensorView view = averages->weights_->variable(i);
    if (variables[i].kind == VariableKind::parameter) {
      if (averages->parameters_.data == nullptr) averages->parameters_ = {range, view.data};
      view.data = memory;
      memory += view.desc.bytes();
    } else {
      view.data = nullptr;
    }
    averages->averages_.push_back(view);
  }
  GRAPHRUN_ASSIGN(averages->numbers_, backend.allocate(2 * kPartAt));
  auto* const numbers = static_cast<std::byte*>(averages->numbers_->data());
  const std::array<float, 2> copy{1, 0};
  const auto part = static_cast<float>(1.0 - decay);
  GRAPHRUN_TRY(backend.copy_to_device(numbers, copy.data(), sizeof(copy)));
  GRAPHRUN_TRY(backend.copy_to_device(numbers + kPartAt, &part, sizeof(part)));
  GRAPHRUN_TRY(averages->bind(program.registry()));
  return averages;
} catch (...) {
  return core::caught();
}

Result<session::BoundOp> Averages::bind_copy(const TensorView& from, const TensorView& to) const {
  const TensorView factors{TensorDesc::dense(DType::f32, {2}), numbers_->data()};
  return session::BoundOp::bind(*ops_, *weights_->backend(), OpRole::linear_combination, {},
                                {factors, from, to}, {to});
}

Status Averages::bind(const OpRegistry& ops) {
  ops_ = &ops;
  const TensorView averages{parameters_.desc, memory_->data()};
  const TensorView part{TensorDesc::dense(DType::f32, {}),
                        static_cast<std::byte*>(numbers_->data()) + kPartAt};
  GRAPHRUN_ASSIGN(begin_, bind_copy(parameters_, averages));
  GRAPHRUN_ASSIGN(move_, session::BoundOp::bind(ops, *weights_->backend(), OpRole::moving_average, {},
                                                {part, parameters_, averages}, {averages}));
  return {};
}

Status Averages::load(const weights::TensorFile& file) {
  std::vector<float> values;
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    if (averages_[i].data == nullptr) continue;
    const weights::NamedTensor* const tensor = file.find(names_[i]);
    if (tensor == nullptr || file.find(std::string(kTrainedPrefix) + names_[i]) == nullptr) return {};
    if (!(tensor->desc.shape == averages_[i].desc.shape) || !is_real(tensor->desc.dtype))
      return {ErrorCode::invalid_file, "the average of " + names_[i] + " has another shape"};
    values.resize(static_cast<std::size_t>(tensor->desc.shape.count()));
    weights::convert_to_f32(*tensor, values);
    GRAPHRUN_TRY(
        weights_->backend()->copy_to_device(averages_[i].data, values.data(), averages_[i].desc.bytes()));
  }
  any_ = true;
  return {};
}

Status Averages::update() {
  GRAPHRUN_TRY(any_ ? move_->run() : begin_->run());
  any_ = true;
  return {};
}

TensorView Averages::of(std::size_t variable) const { return averages_[variable]; }

Status Averages::enter() {
  if (!any_) return {};
  if (aside_ == nullptr) {
    GRAPHRUN_ASSIGN(aside_, weights_->backend()->allocate(parameters_.desc.bytes()));
    const TensorView aside{parameters_.desc, aside_->data()};
    const TensorView averages{parameters_.desc, memory_->data()};
    GRAPHRUN_ASSIGN(put_aside_, bind_copy(parameters_, aside));
    GRAPHRUN_ASSIGN(put_averages_, bind_copy(averages, parameters_));
    GRAPHRUN_ASSIGN(put_back_, bind_copy(aside, parameters_));
  }
  GRAPHRUN_TRY(put_aside_->run());
  GRAPHRUN_TRY(put_averages_->run());
  weights_->touch();
  return {};
}

Status Averages::leave() {
  if (!any_) return {};
  GRAPHRUN_TRY(put_back_->run());
  weights_->touch();
  return {};
}

}  // namespace graphrun::training
