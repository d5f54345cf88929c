#include "runtime/weights/wide_copies.h"

#include "runtime/weights/quantised.h"

namespace graphrun::weights {
WideCopies::WideCopies(std::vector<TensorView> narrow)
    : narrow_(std::move(narrow)), buffers_(narrow_.size()) {
  for (const TensorView& view : narrow_)
    wide_.push_back({TensorDesc::dense(DType::f32, view.desc.shape), nullptr});
}

Status WideCopies::make(std::span<const std::size_t> variables, model::Backend& backend) {
  const std::scoped_lock lock(mutex_);
  std::vector<std::size_t> wanted;
  for (const std::size_t variable : variables) {
    if (!has(variable) || buffers_[variable] != nullptr) continue;
    GRAPHRUN_ASSIGN(buffers_[variable],
                    backend.allocate(wide_[variable].desc.bytes()).with_context("quantised weights in f32"));
    wanted.push_back(variable);
  }
  backend.for_each(std::ssize(wanted), [&](std::int64_t index) {
    const std::size_t variable = wanted[static_cast<std::size_t>(index)];
    const TensorView& from = narrow_[variable];
    const auto count = static_cast<std::size_t>(from.desc.shape.count());
    auto* const values = static_cast<float*>(buffers_[variable]->data());
    widen({from.as<const std::int8_t>(), count}, from.desc.shape[0], from.channel_scales, values);
    wide_[variable].data = values;
  });
  return {};
}

std::int64_t WideCopies::bytes() const {
  const std::scoped_lock lock(mutex_);
  std::int64_t sum = 0;
  for (const std::unique_ptr<model::Buffer>& buffer : buffers_)
    sum += buffer == nullptr ? 0 : buffer->bytes();
  return sum;
}

}  // namespace graphrun::weights
