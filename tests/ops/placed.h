#pragma once

#include <memory>

#include "runtime/model/backend.h"
#include "tests/ops/host_tensor.h"

namespace graphrun::test {

// A tensor where kernels of a backend reach it: its own memory on the host; elsewhere a copy of all of it,
// guard zones included, so that what is written beside the tensor is seen. The tensor stays where it is as
// long.
class Placed {
 public:
  static Result<Placed> make(model::Backend& backend, MemoryTensor& tensor);
  TensorView view() const;
  // Brings back all that is in the copy. Waits for the device.
  Status fetch();

 private:
  Placed(model::Backend& backend, MemoryTensor& tensor) : backend_(&backend), tensor_(&tensor) {}
  model::Backend* backend_;
  MemoryTensor* tensor_;
  std::unique_ptr<model::Buffer> copy_;  // null on the host
};

Result<std::vector<Placed>> place(model::Backend& backend, std::vector<MemoryTensor>& tensors);

}  // namespace graphrun::test
