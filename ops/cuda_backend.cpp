#include "ops/cuda_backend.h"

#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <algorithm>
#include <map>

#include "runtime/cuda/check.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/recording.h"
#include "runtime/cuda/timeline.h"
#include "runtime/model/kernel_table.h"

#define GRAPHRUN_OPS(room)                 \
  namespace graphrun::ops::room {          \
  std::vector<KernelEntry> cuda_kernels(); \
  }
#include "ops/op_list.inc"
#undef GRAPHRUN_OPS

namespace graphrun::ops {
namespace {

class DeviceBuffer final : public model::Buffer {
 public:
  DeviceBuffer(std::shared_ptr<cuda::Device> device, void* data, std::int64_t bytes)
      : device_(std::move(device)), data_(data), bytes_(bytes) {}
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  ~DeviceBuffer() override { device_->free(data_); }
  void* data() override { return data_; }
  std::int64_t bytes() const override { return bytes_; }

 private:
  std::shared_ptr<cuda::Device> device_;
  void* data_;
  std::int64_t bytes_;
};

class CudaBackend final : public model::Backend {
 public:
  CudaBackend(std::shared_ptr<cuda::Device> device, std::span<const KernelEntry> own,
              const CudaOptions& options)
      : device_(std::move(device)),
        services_(options.services),
        label_("cuda:" + std::to_string(device_->index())),
        libraries_(options.libraries),
        kernels_(model::make_kernel_table(libraries_, "cuda", own)) {}
  std::string_view device() const override { return label_; }
  std::vector<KernelEntry> candidates(std::string_view op) const override {
    const auto found = kernels_.find(op);
    return found == kernels_.end() ? std::vector<KernelEntry>() : found->second;
  }
  Result<std::unique_ptr<model::Buffer>> allocate(std::int64_t bytes) override {
    const std::int64_t size = std::max<std::int64_t>(bytes, 64);
    GRAPHRUN_ASSIGN(void* const data, device_->allocate(size));
    return std::unique_ptr<model::Buffer>(std::make_unique<DeviceBuffer>(device_, data, size));
  }
  std::shared_ptr<void> allocate_host(std::int64_t bytes) override {
    const auto lock = device_->lock();
    void* memory = nullptr;
    if (!cuda::check(cudaMallocHost(&memory, static_cast<std::size_t>(bytes)), "cudaMallocHost").ok())
      return nullptr;
    return {memory, [device = device_](void* pinned) {
              const auto held = device->lock();
              cudaFreeHost(pinned);
            }};
  }
  bool is_host() const override { return false; }
  Status copy_to_device(void* device, const void* host, std::int64_t bytes) override {
    return device_->copy_to_device(device, host, bytes);
  }
  Status copy_to_host(void* host, const void* device, std::int64_t bytes) override {
    return device_->copy_to_host(host, device, bytes);
  }
  Status synchronize() override { return device_->synchronize(); }
  Status check_precision(DType type) const override {
    if (type == DType::f32 || type == DType::bf16) return {};
    return {ErrorCode::unsupported,
            "sessions on a GPU compute in f32 or bf16, not in " + std::string(to_string(type))};
  }
  int threads() const override { return 1; }
  DeviceContext* context() const override { return device_.get(); }
  std::unique_lock<std::recursive_mutex> lock() const override { return device_->lock(); }
  std::unique_ptr<core::Timeline> timeline() override {
    return std::make_unique<cuda::EventTimeline>(*device_);
  }
  std::int64_t memory_in_use() const override {
    const auto lock = device_->lock();
    std::size_t free_bytes = 0, all = 0;
    cudaMemGetInfo(&free_bytes, &all);
    return static_cast<std::int64_t>(all - free_bytes);
  }
  const void* service(std::string_view name) const override {
    const auto found = services_.find(name);
    return found == services_.end() ? nullptr : found->second;
  }
  Result<std::unique_ptr<Recording>> record(const std::function<Status()>& enqueue) override {
    return cuda::Recording::make(*device_, enqueue);
  }

 private:
  std::shared_ptr<cuda::Device> device_;
  std::map<std::string_view, const void*> services_;
  std::string label_;
  OpLibraries libraries_;
  model::KernelTable kernels_;
};

// 13020 -> "13.2"
std::string dotted(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

Result<std::shared_ptr<model::Backend>> make_cuda_backend(const CudaOptions& options) {
  GRAPHRUN_ASSIGN(std::shared_ptr<cuda::Device> device,
                  cuda::Device::open(options.device, options.tuning_file));
  std::vector<KernelEntry> all;
  const auto take = [&all](std::vector<KernelEntry> more) {
    all.insert(all.end(), more.begin(), more.end());
  };
#define GRAPHRUN_OPS(room) take(ops::room::cuda_kernels());
#include "ops/op_list.inc"
#undef GRAPHRUN_OPS
  return std::shared_ptr<model::Backend>(std::make_shared<CudaBackend>(std::move(device), all, options));
}

Result<std::vector<std::string>> list_gpus() {
  int count = 0;
  GRAPHRUN_TRY(cuda::check(cudaGetDeviceCount(&count), "CUDA"));
  std::vector<std::string> lines;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties{};
    GRAPHRUN_TRY(cuda::check(cudaGetDeviceProperties(&properties, i), "cudaGetDeviceProperties"));
    lines.push_back(std::string(properties.name) + ", " + std::to_string(properties.multiProcessorCount) +
                    " multiprocessors, " + std::to_string(properties.totalGlobalMem >> 30) +
                    " GiB, compute capability " + std::to_string(properties.major) + "." +
                    std::to_string(properties.minor));
  }
  return lines;
}

std::vector<std::pair<std::string, std::string>> cuda_versions() {
  int runtime = 0, driver = 0;
  cudaRuntimeGetVersion(&runtime);
  cudaDriverGetVersion(&driver);
  const auto cudnn = cudnnGetVersion();
  return {{"CUDA runtime", dotted(runtime)},
          {"CUDA driver", driver == 0 ? "none" : dotted(driver)},
          {"cuDNN", std::to_string(cudnn / 10000) + "." + std::to_string(cudnn % 10000 / 100) + "." +
                        std::to_string(cudnn % 100)}};
}

}  // namespace graphrun::ops
