#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "graphrun/api.h"
#include "graphrun/device_id.h"
#include "graphrun/dtype.h"
#include "graphrun/op_libraries.h"
#include "graphrun/status.h"

// The device on which a network computes:
//
//     graphrun::Result<graphrun::Device> device = graphrun::Device::open("auto");
//     if (!device.ok()) return fail(device.status());
//     std::puts(device->name().c_str());  // "cpu", "cuda:0"
namespace graphrun {

struct DeviceOptions {
  int threads = 0;      // of the CPU; 0: all that this process may use
  std::string cache{};  // folder of what is measured once about a GPU; empty: it is measured in each process
  OpLibraries ops{};    // whose kernels are asked before graphrun's own
};

// A device with its kernels. A handle: copies are the same device, which ends with the last of them and of
// what uses it. Any number of threads may use it at once; on a GPU their work takes turns.
class GRAPHRUN_API Device {
 public:
  // `name`: "cpu"; "cuda" or "cuda:N", a GPU as CUDA counts them; "auto", the first GPU where this build and
  // this machine have one, else the CPU. Errors: invalid_argument: no such name; unsupported, not_found: no
  // such device here.
  static Result<Device> open(std::string_view name = "auto", const DeviceOptions& options = {});

  std::string_view name() const;
  DeviceId id() const;
  int threads() const;  // that kernels use; 1 where the device has its own parallelism
  // Whether sessions may compute in this type, f32, bf16, or s8 for int8. Errors (unsupported): not on this
  // device.
  Status check_precision(DType type) const;

  struct Impl;
  explicit Device(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace graphrun
