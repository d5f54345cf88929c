#include "runtime/cuda/device.h"

#include "runtime/cuda/check.h"

namespace graphrun::cuda {
namespace {

Status check(cudnnStatus_t code, std::string_view what) {
  if (code == CUDNN_STATUS_SUCCESS) return {};
  return {ErrorCode::io, std::string(what) + ": " + cudnnGetErrorString(code)};
}
Status check(cublasStatus_t code, std::string_view what) {
  if (code == CUBLAS_STATUS_SUCCESS) return {};
  return {ErrorCode::io, std::string(what) + ": " + cublasGetStatusString(code)};
}
using cuda::check;

// What cuBLAS asks for on Hopper; a workspace of its own would be allocated at the first product, which a
// recording forbids.
constexpr std::size_t kCublasWorkspace = std::size_t{32} << 20;
// Partial sums of a product in bf16 are added in f32, and f32 is not rounded to TF32.
constexpr auto kCublasMath =
    static_cast<cublasMath_t>(CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION);

}  // namespace

Result<std::shared_ptr<Device>> Device::open(int index, const std::string& tuning_file) {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code != cudaSuccess || count == 0) {
    return {ErrorCode::unsupported,
            std::string("there is no GPU here: ") +
                (code == cudaSuccess ? "the driver lists none" : cudaGetErrorString(code))};
  }
  if (index < 0 || index >= count) {
    return {ErrorCode::not_found,
            "no GPU " + std::to_string(index) + ": there are 0 to " + std::to_string(count - 1)};
  }
  std::shared_ptr<Device> device(new Device(index));
  GRAPHRUN_TRY(device->open(tuning_file).with_context("GPU " + std::to_string(index)));
  return device;
}

Status Device::open(const std::string& tuning_file) {
  GRAPHRUN_TRY(check(cudaSetDevice(index_), "cudaSetDevice"));
  cudaDeviceProp properties{};
  GRAPHRUN_TRY(check(cudaGetDeviceProperties(&properties, index_), "cudaGetDeviceProperties"));
  name_ = properties.name;
  multiprocessors_ = properties.multiProcessorCount;
  if (properties.major < 8) {
    return {ErrorCode::unsupported, name_ + " has compute capability " + std::to_string(properties.major) +
                                        "." + std::to_string(properties.minor) + "; 8.0 is the least"};
  }
  GRAPHRUN_ASSIGN(stream_, make_stream());
  cudnnHandle_t cudnn = nullptr;
  GRAPHRUN_TRY(check(cudnnCreate(&cudnn), "cudnnCreate"));
  cudnn_ = Handle<cudnnHandle_t, cudnnDestroy>(cudnn);
  GRAPHRUN_TRY(check(cudnnSetStream(cudnn, stream()), "cudnnSetStream"));
  cublasHandle_t cublas = nullptr;
  GRAPHRUN_TRY(check(cublasCreate(&cublas), "cublasCreate"));
  cublas_ = Handle<cublasHandle_t, cublasDestroy>(cublas);
  GRAPHRUN_TRY(check(cublasSetStream(cublas, stream()), "cublasSetStream"));
  GRAPHRUN_ASSIGN(cublas_workspace_, allocate(kCublasWorkspace));
  GRAPHRUN_TRY(check(cublasSetWorkspace(cublas, cublas_workspace_, kCublasWorkspace), "cublasSetWorkspace"));
  GRAPHRUN_TRY(check(cublasSetMathMode(cublas, kCublasMath), "cublasSetMathMode"));
  tuning_.open(tuning_file, name_ + ", cuDNN " + std::to_string(cudnnGetVersion()) + ", CUDA " +
                                std::to_string(CUDART_VERSION));
  GRAPHRUN_ASSIGN(void* const fault, allocate(sizeof(Fault)));
  fault_ = static_cast<Fault*>(fault);
  GRAPHRUN_TRY(check(cudaMemsetAsync(fault_, 0, sizeof(Fault), stream()), "cudaMemsetAsync"));
  void* seen = nullptr;
  GRAPHRUN_TRY(check(cudaMallocHost(&seen, sizeof(Fault)), "cudaMallocHost"));
  seen_ = static_cast<Fault*>(seen);
  return synchronize();
}

Device::~Device() {
  cudaSetDevice(index_);
  if (stream() != nullptr) cudaStreamSynchronize(stream());
  cudaFree(fault_);
  cudaFree(cublas_workspace_);
  cudaFreeHost(seen_);
}

std::unique_lock<std::recursive_mutex> Device::lock() {
  std::unique_lock<std::recursive_mutex> lock(mutex_);
  cudaSetDevice(index_);  // cannot fail: open() has set it
  return lock;
}

std::shared_ptr<void> Device::cached(const std::string& name) const {
  const auto found = kept_.find(name);
  return found == kept_.end() ? nullptr : found->second;
}

void Device::cache(const std::string& name, std::shared_ptr<void> what) {
  constexpr std::size_t kMax = 4096;  // images of ever other sizes must not fill the memory
  if (kept_.size() >= kMax) kept_.clear();
  kept_[name] = std::move(what);
}

Status Device::take_fault() {
  if (seen_->kind == Fault::none) return {};
  const Fault found = *seen_;
  GRAPHRUN_TRY(check(cudaMemsetAsync(fault_, 0, sizeof(Fault), stream()), "cudaMemsetAsync"));
  return {ErrorCode::invalid_argument, "label " + std::to_string(found.value) + " of pixel " +
                                           std::to_string(found.index) + " is no class: expected 0 to " +
                                           std::to_string(found.classes - 1) + " or ignore_label"};
}

Status Device::synchronize() {
  const auto held = lock();
  GRAPHRUN_TRY(check(cudaMemcpyAsync(seen_, fault_, sizeof(Fault), cudaMemcpyDeviceToHost, stream()),
                     "cudaMemcpyAsync"));
  GRAPHRUN_TRY(check(cudaStreamSynchronize(stream()), "cudaStreamSynchronize"));
  return take_fault();
}

Result<void*> Device::allocate(std::int64_t bytes) {
  const auto held = lock();
  void* memory = nullptr;
  Status status = check(cudaMalloc(&memory, static_cast<std::size_t>(bytes)), "cudaMalloc");
  if (status.ok()) return memory;
  if (status.code() != ErrorCode::out_of_memory) return status;
  std::size_t free_bytes = 0, all = 0;
  cudaMemGetInfo(&free_bytes, &all);
  return {ErrorCode::out_of_memory, name_ + " has " + std::to_string(free_bytes) + " of its " +
                                        std::to_string(all) + " bytes free; " + std::to_string(bytes) +
                                        " were asked for in one piece"};
}

void Device::free(void* memory) {
  const auto held = lock();
  cudaFree(memory);
}

Status Device::copy_to_device(void* device, const void* host, std::int64_t bytes) {
  const auto held = lock();
  return check(
      cudaMemcpyAsync(device, host, static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice, stream()),
      "cudaMemcpyAsync to the device");
}

Status Device::copy_to_host(void* host, const void* device, std::int64_t bytes) {
  const auto held = lock();
  GRAPHRUN_TRY(
      check(cudaMemcpyAsync(host, device, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost, stream()),
            "cudaMemcpyAsync to the host"));
  return synchronize();
}

}  // namespace graphrun::cuda
