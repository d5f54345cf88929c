#pragma once

#include <cudnn.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/dtype.h"
#include "graphrun/status.h"
#include "runtime/cuda/handle.h"

// cuDNN's interface of graphs: tensors and the operations between them are described, cuDNN names
// configurations of engines that compute such a graph, and a configuration becomes a plan that can be run.
namespace graphrun::cuda::dnn {

// An object of that interface: attributes are set, then finalize() makes it fit for use. Errors name it and
// give cuDNN's own words.
class Descriptor {
 public:
  Descriptor() = default;
  // `what` must live for ever.
  static Result<Descriptor> make(cudnnBackendDescriptorType_t type, std::string_view what);

  cudnnBackendDescriptor_t get() const { return handle_.get(); }
  Status finalize();

  Status set(cudnnBackendAttributeName_t name, std::int64_t value);
  Status set(cudnnBackendAttributeName_t name, bool value);
  Status set(cudnnBackendAttributeName_t name, float value);
  Status set(cudnnBackendAttributeName_t name, cudnnDataType_t value);
  Status set(cudnnBackendAttributeName_t name, cudnnConvolutionMode_t value);
  Status set(cudnnBackendAttributeName_t name, cudnnPointwiseMode_t value);
  Status set(cudnnBackendAttributeName_t name, cudnnBackendHeurMode_t value);
  Status set(cudnnBackendAttributeName_t name, cudnnHandle_t value);
  Status set(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values);
  Status set(cudnnBackendAttributeName_t name, std::span<void* const> values);
  Status set(cudnnBackendAttributeName_t name, const Descriptor& value);
  Status set(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& values);

  Result<std::int64_t> integer(cudnnBackendAttributeName_t name) const;
  Result<std::vector<cudnnBackendNumericalNote_t>> notes() const;  // of an engine
  bool compiles_at_run_time() const;                               // likewise
  // Reads a descriptor into `value`, which has been made and not finalized.
  Status get(cudnnBackendAttributeName_t name, Descriptor& value) const;
  // All that the attribute lists.
  Result<std::vector<Descriptor>> get_all(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type,
                                          std::string_view what) const;
  // The status of a call that did something with this.
  Status check(cudnnStatus_t code, std::string_view doing) const;

 private:
  Status set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
             const void* values);

  Handle<cudnnBackendDescriptor_t, cudnnBackendDestroyDescriptor> handle_;
  std::string_view what_;
};

// Extents (N, C, H, W), or (K, C, R, S) of weights; channels lie innermost, without gaps.
struct Tensor {
  DType type = DType::f32;
  std::array<std::int64_t, 4> extents{};
  bool intermediate = false;  // between two operations only: it has no memory
};

struct Window {
  std::array<std::int64_t, 2> padding{}, stride{}, dilation{};
};
enum class Convolution { forward, grad_data, grad_weight };

// An engine with its knobs set.
struct Configuration {
  Descriptor engine, knobs;
};

// Operations on tensors. Sums and what lies between operations are f32.
class Graph {
 public:
  // The tensor's name in this graph: 1, 2, ...
  Result<std::int64_t> add(const Tensor& tensor);
  // x, weight and y, or their gradients: the kind tells which of them is written.
  Status convolve(Convolution kind, const Window& window, std::int64_t x, std::int64_t weight,
                  std::int64_t y);
  // y = x + b, where an extent of b may be 1.
  Status sum(std::int64_t x, std::int64_t b, std::int64_t y);
  Status relu(std::int64_t x, std::int64_t y);
  // The last call; then configurations can be asked for.
  Status finish(cudnnHandle_t handle);

  // Engines without any of the notes, best first: by cuDNN's reckoning, where these are few then its
  // fallbacks, and where there is hardly one then every engine with its usual knobs. Those that compile a
  // kernel first, which can take a second, come last. The order is the same on every call with the same
  // library and GPU.
  std::vector<Configuration> configurations(std::span<const cudnnBackendNumericalNote_t> forbidden) const;

 private:
  const Descriptor& tensor(std::int64_t name) const { return tensors_[static_cast<std::size_t>(name - 1)]; }
  Status pointwise(cudnnPointwiseMode_t mode, std::int64_t x, const std::int64_t* b, std::int64_t y);
  Result<std::vector<Descriptor>> recommended(cudnnBackendHeurMode_t mode) const;
  Result<Configuration> usual(std::int64_t engine) const;

  std::vector<Descriptor> tensors_;
  std::vector<Descriptor> windows_;  // and pointwise modes, which operations refer to
  std::vector<Descriptor> operations_;
  Descriptor graph_;
};

// A configuration made ready.
class Plan {
 public:
  static Result<Plan> make(cudnnHandle_t handle, std::shared_ptr<const Graph> graph,
                           Configuration configuration);
  std::int64_t workspace_bytes() const { return workspace_bytes_; }
  // Starts the work on the handle's stream. `names` are the tensors that have memory, `data` where.
  Status run(cudnnHandle_t handle, std::span<const std::int64_t> names, std::span<void* const> data,
             void* workspace) const;

 private:
  std::shared_ptr<const Graph> graph_;
  Configuration configuration_;
  Descriptor plan_;
  std::int64_t workspace_bytes_ = 0;
};

}  // namespace graphrun::cuda::dnn
