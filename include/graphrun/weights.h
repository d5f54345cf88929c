#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "graphrun/api.h"
#include "graphrun/device.h"
#include "graphrun/program.h"
#include "graphrun/status.h"

// The values of a program's parameters on a device:
//
//     auto program = graphrun::Program::load("model.fb");
//     auto device = graphrun::Device::open("cpu");
//     auto weights = graphrun::Weights::load(*program, *device, "epoch_30.safetensors");
namespace graphrun {

// Weights for inference. A handle: copies are the same weights, which keep device and program. Any number of
// threads and sessions may share them; what kernels prepare of them is prepared once.
class GRAPHRUN_API Weights {
 public:
  // Reads .safetensors or a PyTorch checkpoint, told apart by content; an empty path: from the program's
  // bundle. A file of f32 is mapped, not read: it must stay as it is meanwhile (replacing it by rename is
  // safe). Strict: every missing, unexpected or wrongly shaped tensor is in the error, but what inference
  // does not read may be missing. Errors: not_found, io; invalid_file: that, and values that are infinite,
  // NaN or a negative variance; invalid_argument: no path and no bundle, several sets of tensors that fit;
  // memory.
  static Result<Weights> load(const Program& program, const Device& device, const std::string& path = {});
  // Drawn as the model says, for measurements and tests: the same seed gives the same values everywhere.
  static Result<Weights> random(const Program& program, const Device& device, std::uint64_t seed);

  // Writes them as .safetensors, whole or not at all.
  Status save(const std::string& path) const;
  const Device& device() const;

  struct Impl;
  explicit Weights(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace graphrun
