#include "runtime/weights/weights.h"

#include <algorithm>
#include <numeric>

// What Weights does with tensors in s8.
namespace graphrun::weights {
namespace {

// A vector is a norm's or a bias: small, and read in f32 by every kernel.
bool is_vector(const Shape& shape) { return shape.rank() < 2; }

}  // namespace

Status Weights::check_narrow(const TensorFile& file, const Found& found) const {
  for (const NamedTensor* const tensor : found.tensors) {
    const float* const scales = tensor == nullptr ? nullptr : scales_of(file, *tensor);
    if (scales != nullptr) GRAPHRUN_TRY(check_scales(*tensor, scales));
  }
  return {};
}

// Where the tensors are that stand in s8. Without scales of activations sessions are wide, but the file's
// integers are widened where they are read all the same. Other devices than the host have a copy in f32.
Status Weights::read_quantised(const TensorFile& file, const Found& found, const model::Model& model) {
  GRAPHRUN_ASSIGN(quantised_.activations, read_activations(file.metadata()));
  GRAPHRUN_TRY(check_names(quantised_.activations, model));
  const auto is_integers = [](const NamedTensor* tensor) {
    return tensor != nullptr && tensor->desc.dtype == DType::s8;
  };
  if (quantised_.empty() && std::ranges::none_of(found.tensors, is_integers)) return {};
  narrow_.resize(items_.size());
  quantised_.variables.resize(items_.size(), false);
  std::vector<TensorView> copied(items_.size());
  bool any = false;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const NamedTensor* const tensor = found.tensors[i];
    const float* const scales = tensor == nullptr ? nullptr : scales_of(file, *tensor);
    if (scales == nullptr || is_vector(items_[i].shape)) continue;
    // Sessions only read mapped weights: writable() is false.
    narrow_[i] = {tensor->desc, const_cast<std::byte*>(tensor->bytes.data()), {}, scales};
    quantised_.variables[i] = true;
    // Variances are left out: their values are looked at.
    if (!backend_->is_host() || items_[i].not_negative || tensor->bytes.empty()) continue;
    copied[i] = narrow_[i];
    any = true;
  }
  if (any) wide_copies_ = std::make_unique<WideCopies>(std::move(copied));
  return {};
}

Status Weights::make_wide(std::span<const std::size_t> variables) const {
  return wide_copies_ == nullptr ? Status() : wide_copies_->make(variables, *backend_);
}

Status Weights::make_all_wide() const {
  if (wide_copies_ == nullptr) return {};
  std::vector<std::size_t> all(items_.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return make_wide(all);
}

void Weights::quantise(std::shared_ptr<const std::vector<EightBitTensor>> tensors,
                       ActivationScales activations) {
  narrow_memory_ = std::move(tensors);
  quantised_.activations = std::move(activations);
  quantised_.variables.assign(items_.size(), false);
  narrow_.assign(items_.size(), TensorView());
  for (std::size_t i = 0; i < narrow_memory_->size(); ++i) {
    const EightBitTensor& tensor = (*narrow_memory_)[i];
    if (tensor.values.empty()) continue;
    quantised_.variables[i] = true;
    narrow_[i] = {TensorDesc::dense(DType::s8, items_[i].shape),
                  const_cast<std::int8_t*>(tensor.values.data()),
                  {},
                  tensor.scales.data()};
  }
  touch();
}

}  // namespace graphrun::weights
