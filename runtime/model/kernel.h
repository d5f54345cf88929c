#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/core/device_context.h"
#include "runtime/core/status.h"
#include "runtime/core/tensor.h"
#include "runtime/core/timeline.h"
#include "runtime/model/op_def.h"

// What a device offers: kernels for nodes whose shapes are numbers.
namespace graphrun {

// Everything a kernel may know when it is prepared. References live as long as the call.
struct KernelRequest {
  const OpDef& def;
  const Attributes& attrs;
  // An absent optional input or an unwanted output has a desc of rank 0 and false here.
  std::span<const TensorDesc> inputs;
  std::span<const TensorDesc> outputs;
  std::vector<bool> input_present;
  std::vector<bool> output_present;
  // Input i is a variable that does not change while the session lives, so that what depends on it alone can
  // be computed once (Kernel::prepared_bytes). False in training.
  std::vector<bool> input_constant;
  int threads = 1;
  // Backend::context() of the backend that is asked; outlives the kernel.
  DeviceContext* device = nullptr;
};

struct KernelRun {
  std::span<const TensorView> inputs;   // data is null where absent
  std::span<const TensorView> outputs;  // data is null where unwanted
  void* scratch = nullptr;              // scratch_bytes(), 64-byte aligned, undefined content
  const void* prepared = nullptr;       // prepared_bytes(), 64-byte aligned, filled by prepare_constants
};

// A node made ready for one shape; nodes that are alike share it. run() allocates nothing, keeps nothing, and
// may be called by one thread at a time; it uses up to KernelRequest::threads threads inside. Where the
// device is not the host, run() and prepare_constants() start the work and do not wait for it.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual std::string_view name() const = 0;
  virtual std::int64_t scratch_bytes() const { return 0; }

  // A form of the constant inputs (folded, reordered, cast), kept by Weights and shared by every kernel whose
  // key, node variables and device agree. The key tells all that the form depends on besides the variables'
  // values.
  virtual std::int64_t prepared_bytes() const { return 0; }
  virtual std::string prepared_key() const { return {}; }
  virtual Status prepare_constants(std::span<const TensorView> inputs, void* prepared) const {
    (void)inputs, (void)prepared;
    return {};
  }

  virtual Status run(const KernelRun& run) = 0;
};

// One way to compute an op. `prepare` declines with ErrorCode::declined and the reason, and the next
// candidate is asked; any other error ends the bind.
struct KernelEntry {
  std::string_view op;
  std::string_view name;
  Result<std::unique_ptr<Kernel>> (*prepare)(const KernelRequest& request);
};

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
  virtual std::string form_identity() const { return {}; }
  // Held by whoever prepares or runs kernels: work of several threads does not mix. Nothing on the host.
  virtual std::unique_lock<std::recursive_mutex> turn() const { return {}; }
  // Lives no longer than the backend.
  virtual std::unique_ptr<Timeline> timeline() { return std::make_unique<HostTimeline>(); }
  // Bytes of the device's own memory that are taken, by whatever process; 0 on the host.
  virtual std::int64_t memory_in_use() const { return 0; }
  // Calls `enqueue`, which starts work, and keeps that work instead of doing it. It lives no longer than the
  // backend and the memory it works on. Declined where the device has no such thing.
  virtual Result<std::unique_ptr<Recording>> record(const std::function<Status()>& enqueue) {
    (void)enqueue;
    return {ErrorCode::declined, "runs cannot be recorded"};
  }
  // Threads that kernels of a session use; 1 where the device has its own parallelism.
  virtual int threads() const = 0;
  // body(i) for each i of [0, count), on all threads where the device is the host. What a body calls then
  // runs on its thread alone.
  virtual void for_each(std::int64_t count, const std::function<void(std::int64_t)>& body) const {
    for (std::int64_t i = 0; i < count; ++i) body(i);
  }
};

}  // namespace graphrun
