#pragma once

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "graphrun/kernel/device_context.h"
#include "graphrun/status.h"
#include "runtime/cuda/fault.h"
#include "runtime/cuda/handle.h"
#include "runtime/cuda/stream.h"
#include "runtime/cuda/tuning.h"

namespace graphrun::cuda {

// One GPU as kernels see it: the stream that all of them are started on, one after the other, and the
// libraries' handles, which work on that stream. Kernels are prepared and started by the thread that holds
// lock().
class Device final : public DeviceContext {
 public:
  // Errors: no such GPU, a driver or library that refuses.
  // `tuning_file`: where Tuning keeps its choices; empty: nowhere.
  static Result<std::shared_ptr<Device>> open(int index, const std::string& tuning_file);
  ~Device() override;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  int index() const { return index_; }
  const std::string& name() const { return name_; }
  cudaStream_t stream() const { return stream_.get(); }
  cudnnHandle_t cudnn() const { return cudnn_.get(); }
  cublasHandle_t cublas() const { return cublas_.get(); }
  int multiprocessors() const { return multiprocessors_; }
  Fault* fault() const { return fault_; }  // device memory
  Tuning& tuning() { return tuning_; }

  // What kernels have made and share by a name that tells all it depends on; null: not there yet. It lives at
  // least as long as whoever holds it, and is used by the thread that holds lock().
  std::shared_ptr<void> cached(const std::string& name) const;
  void cache(const std::string& name, std::shared_ptr<void> what);

  // Makes this GPU the calling thread's and keeps others from starting work on it.
  std::unique_lock<std::recursive_mutex> lock();

  // Waits for the stream; returns the first error of the device, and what a kernel found wrong (Fault), which
  // is forgotten then.
  Status synchronize();
  // Errors of memory give the bytes asked for and those that are free.
  Result<void*> allocate(std::int64_t bytes);
  void free(void* memory);
  // From pageable memory, which may be reused at once. No wait for small pieces.
  Status copy_to_device(void* device, const void* host, std::int64_t bytes);
  // Waits for all that was started before.
  Status copy_to_host(void* host, const void* device, std::int64_t bytes);

 private:
  explicit Device(int index) : index_(index) {}
  Status open(const std::string& tuning_file);
  Status take_fault();

  int index_;
  std::string name_;
  int multiprocessors_ = 1;
  std::recursive_mutex mutex_;
  Stream stream_;
  Handle<cudnnHandle_t, cudnnDestroy> cudnn_;
  Handle<cublasHandle_t, cublasDestroy> cublas_;
  Fault* fault_ = nullptr;
  Fault* seen_ = nullptr;  // pinned host memory
  void* cublas_workspace_ = nullptr;
  Tuning tuning_;
  std::map<std::string, std::shared_ptr<void>> kept_;
};

}  // namespace graphrun::cuda
