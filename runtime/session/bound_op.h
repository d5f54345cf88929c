#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "graphrun/kernel/kernel.h"
#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "runtime/model/backend.h"

namespace graphrun::session {

// One op on memory that its user owns, outside the methods of a model: what a session or a tool does with
// tensors on their device. run() allocates nothing.
class BoundOp {
 public:
  // Views whose data is null are absent inputs and unwanted outputs; so are those left out at the end.
  // Errors: no op of this role, attributes or shapes that it refuses, outputs of another type than it gives,
  // no kernel.
  static Result<BoundOp> bind(const OpRegistry& ops, model::Backend& backend, OpRole role,
                              const AttrMap& attrs, std::vector<TensorView> inputs,
                              std::vector<TensorView> outputs);
  Status run();

 private:
  BoundOp() = default;
  model::Backend* backend_ = nullptr;
  std::string_view name_;
  std::unique_ptr<Kernel> kernel_;
  std::unique_ptr<model::Buffer> scratch_;
  std::vector<TensorView> inputs_;
  std::vector<TensorView> outputs_;
};

}  // namespace graphrun::session
