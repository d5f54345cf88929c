#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "graphrun/dtype.h"
#include "graphrun/status.h"
#include "ops/conv2d/geometry.h"
#include "runtime/cuda/cudnn_graph.h"
#include "runtime/cuda/device.h"

// The libraries' convolutions, and the choice of the fastest.
namespace graphrun::ops::conv2d::gpu {

// A convolution or a gradient of one. Activations are of `type`, f32 or bf16, without gaps; weights of
// `type`, (O, KH, KW, C). A pixel's channels are whole pieces of 16 bytes.
struct Problem {
  cuda::dnn::Convolution kind = cuda::dnn::Convolution::forward;
  Geometry g{};
  DType type = DType::f32;
  // A forward convolution adds bias, then the residual, then comes ReLU. The last two need a bias.
  bool bias = false, residual = false, relu = false;
};

// Device memory; the kind tells which of the first three is written.
struct Operands {
  void* x = nullptr;
  void* weight = nullptr;
  void* y = nullptr;
  float* bias = nullptr;
  void* narrow_bias = nullptr;  // the same in the problem's type
  void* residual = nullptr;     // may be y
  void* workspace = nullptr;
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string_view name() const = 0;
  virtual std::int64_t workspace_bytes() const { return 0; }
  // A gradient by x that takes weights as turn_weights() makes them.
  virtual bool flipped() const { return false; }
  // What is written need not lie at a multiple of 16 bytes.
  virtual bool writes_anywhere() const { return false; }
  // The element type that run() writes.
  virtual DType result_type() const = 0;
  virtual Status run(const Operands& operands) const = 0;
};

// The fastest engine, measured on the device where the work is worth it; remembered in Device::tuning().
// Shared by all convolutions that are alike. Declines what no library takes. The stream must not be recorded.
Result<std::shared_ptr<const Engine>> choose_engine(cuda::Device& device, const Problem& problem);

}  // namespace graphrun::ops::conv2d::gpu
