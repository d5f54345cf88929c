#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/kernel/kernel.h"
#include "graphrun/status.h"
#include "runtime/core/timeline.h"

namespace graphrun::model {

// Device memory of a backend: one block, freed with the object.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual void* data() = 0;
  virtual std::int64_t bytes() const = 0;
};

// A device with its kernels. Thread-safe: sessions on several threads share one backend.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view device() const = 0;  // "cpu", "cuda:0"
  // Candidates of an op, best first; empty where there is none and the op's parts must do.
  virtual std::vector<KernelEntry> candidates(std::string_view op) const = 0;
  // 64-byte aligned; errors give the bytes asked for.
  virtual Result<std::unique_ptr<Buffer>> allocate(std::int64_t bytes) = 0;
  // Host memory that copies are fast from and to, 64-byte aligned; null where there is none left.
  virtual std::shared_ptr<void> allocate_host(std::int64_t bytes) = 0;
  // Memory of the device is memory of the host: tensors can be read and written in place.
  virtual bool is_host() const = 0;
  // `host` may be used again at once, unless it is of allocate_host(): that is read while the device works,
  // and must be left alone until somebody has waited for it.
  virtual Status copy_to_device(void* device, const void* host, std::int64_t bytes) = 0;
  virtual Status copy_to_host(void* host, const void* device, std::int64_t bytes) = 0;
  // Waits until all that was started has ended; returns the first error of the device, and what a kernel has
  // found wrong with its input since somebody waited: sessions of several threads cannot be told apart there.
  virtual Status synchronize() = 0;
  // Errors: the device has no fast arithmetic in this type (f32, bf16) for a session to compute in.
  virtual Status check_precision(DType type) const = 0;
  // What its kernels are made with (KernelRequest::device); null on the host.
  virtual DeviceContext* context() const { return nullptr; }
  // Names all that prepared forms depend on besides their keys: this build, libraries, the CPU. Empty where
  // forms are of no use to another process.
  virtual std::string packing_identity() const { return {}; }
  // Held by whoever prepares or runs kernels: work of several threads does not mix. No lock on the host.
  virtual std::unique_lock<std::recursive_mutex> lock() const { return {}; }
  // Lives no longer than the backend.
  virtual std::unique_ptr<core::Timeline> timeline() { return std::make_unique<core::HostTimeline>(); }
  // Bytes of the device's own memory that are taken, by whatever process; 0 on the host.
  virtual std::int64_t memory_in_use() const { return 0; }
  // Calls `enqueue`, which starts work, and keeps that work instead of doing it. It lives no longer than the
  // backend and the memory it works on. Declined where the device has no such thing.
  virtual Result<std::unique_ptr<Recording>> record(const std::function<Status()>& enqueue) {
    (void)enqueue;
    return {ErrorCode::declined, "runs cannot be recorded"};
  }
  // What the device offers beside kernels, by the name that its type gives (service_of); null: nothing of
  // that name.
  virtual const void* service(std::string_view name) const {
    (void)name;
    return nullptr;
  }
  // Threads that kernels of a session use; 1 where the device has its own parallelism.
  virtual int threads() const = 0;
  // body(i) for each i of [0, count), on all threads where the device is the host. What a body calls then
  // runs on its thread alone.
  virtual void for_each(std::int64_t count, const std::function<void(std::int64_t)>& body) const {
    for (std::int64_t i = 0; i < count; ++i) body(i);
  }
};

// The service whose type is S, which names itself S::kService; null where the backend has none.
template <class S>
const S* service_of(const Backend& backend) {
  return static_cast<const S*>(backend.service(S::kService));
}

}  // namespace graphrun::model
