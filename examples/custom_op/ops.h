#pragma once

#include <graphrun/kernel/op_library.h>

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

// What the ops of this library have in common.

std::vector<const graphrun::OpDef*> snake_ops();
std::vector<graphrun::KernelEntry> snake_kernels();
std::vector<const graphrun::OpDef*> robust_loss_ops();
std::vector<graphrun::KernelEntry> robust_loss_kernels();

// A kernel that is a function of its operands: graphrun::Status run(const graphrun::KernelRun&).
template <class Run>
class FunctionKernel final : public graphrun::Kernel {
 public:
  FunctionKernel(std::string_view name, std::int64_t scratch_bytes, Run run)
      : name_(name), scratch_bytes_(scratch_bytes), run_(std::move(run)) {}
  std::string_view name() const override { return name_; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  graphrun::Status run(const graphrun::KernelRun& run) override { return run_(run); }

 private:
  std::string_view name_;
  std::int64_t scratch_bytes_;
  Run run_;
};
template <class Run>
std::unique_ptr<graphrun::Kernel> make_kernel(std::string_view name, std::int64_t scratch_bytes, Run run) {
  return std::make_unique<FunctionKernel<Run>>(name, scratch_bytes, std::move(run));
}

// prepare(T()) for the type that the node's activations are stored in: float, or BFloat16 in sessions of
// bf16.
template <class Prepare>
graphrun::Result<std::unique_ptr<graphrun::Kernel>> for_activations(const graphrun::KernelRequest& request,
                                                                    Prepare prepare) {
  GRAPHRUN_ASSIGN(const graphrun::DType type, graphrun::activation_type(request));
  if (type == graphrun::DType::bf16) return prepare(graphrun::BFloat16());
  return prepare(float());
}

// body(i) for i from 0 to count - 1, side by side. A body writes what belongs to i and nothing else, so that
// results do not depend on the number of threads.
template <class Body>
void parallel_for(int threads, std::int64_t count, Body body) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::int64_t i = 0; i < count; ++i) body(i);
}
