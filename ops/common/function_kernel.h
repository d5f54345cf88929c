#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "graphrun/kernel/kernel.h"

namespace graphrun::ops {

// A kernel that is one function: Status run(const KernelRun&), or void where nothing can fail.
template <class Run>
class FunctionKernel final : public Kernel {
 public:
  FunctionKernel(std::string_view name, std::int64_t scratch_bytes, Run run)
      : name_(name), scratch_bytes_(scratch_bytes), run_(std::move(run)) {}
  std::string_view name() const override { return name_; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  Status run(const KernelRun& run) override {
    if constexpr (std::is_void_v<decltype(run_(run))>) {
      run_(run);
      return {};
    } else {
      return run_(run);
    }
  }

 private:
  std::string_view name_;
  std::int64_t scratch_bytes_;
  Run run_;
};

// `name` must live for ever.
template <class Run>
std::unique_ptr<Kernel> make_function_kernel(std::string_view name, std::int64_t scratch_bytes, Run run) {
  return std::make_unique<FunctionKernel<Run>>(name, scratch_bytes, std::move(run));
}

}  // namespace graphrun::ops
