#include "tests/ops/placed.h"

namespace graphrun::test {

Result<Placed> Placed::make(model::Backend& backend, MemoryTensor& tensor) {
  Placed placed(backend, tensor);
  if (backend.is_host()) return placed;
  const std::span<std::byte> all = tensor.memory();
  const auto bytes = static_cast<std::int64_t>(all.size());
  GRAPHRUN_ASSIGN(placed.copy_, backend.allocate(bytes));
  GRAPHRUN_TRY(backend.copy_to_device(placed.copy_->data(), all.data(), bytes));
  return placed;
}

TensorView Placed::view() const {
  TensorView view = tensor_->view();
  if (copy_) {
    const std::ptrdiff_t guard = static_cast<std::byte*>(view.data) - tensor_->memory().data();
    view.data = static_cast<std::byte*>(copy_->data()) + guard;
  }
  return view;
}

Status Placed::fetch() {
  if (!copy_) return {};
  const std::span<std::byte> all = tensor_->memory();
  return backend_->copy_to_host(all.data(), copy_->data(), static_cast<std::int64_t>(all.size()));
}

Result<std::vector<Placed>> place(model::Backend& backend, std::vector<MemoryTensor>& tensors) {
  std::vector<Placed> all;
  for (MemoryTensor& tensor : tensors) {
    GRAPHRUN_ASSIGN(Placed placed, Placed::make(backend, tensor));
    all.push_back(std::move(placed));
  }
  return all;
}

}  // namespace graphrun::test
