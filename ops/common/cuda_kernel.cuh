#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "graphrun/kernel/kernel.h"
#include "ops/common/cuda_device.h"
#include "runtime/cuda/launch.cuh"

// What GPU kernels of all rooms share. A kernel that is one function is a FunctionKernel (function_kernel.h).
namespace graphrun::ops {

// Pieces of at most `length` that make up `count`.
constexpr int64_t blocks_of(int64_t count, int64_t length) { return (count + length - 1) / length; }

// Channels of one index of a body on a GPU: few, so that neighbouring threads read neighbouring channels.
inline constexpr int kCudaBlock = 4;

// Runs a single-source body (body_kernel.h) with one thread an index.
template <class Body>
class CudaBodyKernel final : public Kernel {
 public:
  using Bind = void (*)(Body& body, const KernelRun& run);  // sets the pointers
  CudaBodyKernel(cuda::Device& device, std::string_view name, Body body, Bind bind, int64_t count)
      : device_(device), name_(name), body_(std::move(body)), bind_(bind), count_(count) {}
  std::string_view name() const override { return name_; }
  Status run(const KernelRun& run) override {
    bind_(body_, run);
    return cuda::for_each(device_.stream(), count_, body_, name_);
  }

 private:
  cuda::Device& device_;
  std::string_view name_;
  Body body_;
  Bind bind_;
  int64_t count_;
};

// `name` must live for ever.
template <class Body>
std::unique_ptr<Kernel> make_cuda_body_kernel(const KernelRequest& request, std::string_view name, Body body,
                                              typename CudaBodyKernel<Body>::Bind bind, int64_t count) {
  return std::make_unique<CudaBodyKernel<Body>>(device_of(request), name, std::move(body), bind, count);
}

}  // namespace graphrun::ops
