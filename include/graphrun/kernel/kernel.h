#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/kernel/device_context.h"
#include "graphrun/kernel/op_def.h"
#include "graphrun/status.h"
#include "graphrun/tensor.h"

// Kernels that a device offers, for nodes whose shapes are numbers.
namespace graphrun {

// Bytes that kernels of a method may keep in tables beside scratch and packed weights: interpolation weights
// and the like, whose size a model's shapes decide.
struct TableBudget {
  std::int64_t left = 0;   // bytes
  std::int64_t taken = 0;  // bytes
};

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
  // be computed once (Kernel::packed_bytes). False in training.
  std::vector<bool> input_constant;
  int threads = 1;
  // Backend::context() of the backend that is asked; outlives the kernel.
  DeviceContext* device = nullptr;
  TableBudget* tables = nullptr;  // null: without a limit
};

// Takes bytes of tables from the request's budget, before they are built. Errors (out_of_memory): there are
// not so many left.
Status take_tables(const KernelRequest& request, std::int64_t bytes);

// Checks that operands are stored as their op declares, activations in f32 or bf16; of inputs whose shape
// alone is read nothing is asked. ErrorCode::declined names the first that is not.
Status check_storage(const KernelRequest& request);
// The element type of all activations of a request (f32 where there are none). Declined: what check_storage()
// declines, and activations of several types or, in 8 bits, of several scales.
Result<DType> activation_type(const KernelRequest& request);

struct KernelRun {
  std::span<const TensorView> inputs;   // data is null where absent
  std::span<const TensorView> outputs;  // data is null where unwanted
  void* scratch = nullptr;              // scratch_bytes(), 64-byte aligned, undefined content
  const void* packed = nullptr;         // packed_bytes(), 64-byte aligned, filled by pack_constants
};

// A node made ready for one shape; nodes that are alike share it. run() allocates nothing, keeps nothing, and
// may be called by one thread at a time; it uses up to KernelRequest::threads threads inside. Where the
// device is not the host, run() and pack_constants() start the work and do not wait for it.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual std::string_view name() const = 0;
  virtual std::int64_t scratch_bytes() const { return 0; }

  // A form of the constant inputs (folded, reordered, cast), kept by Weights and shared by every kernel whose
  // key, node variables and device agree. The key tells all that the form depends on besides the variables'
  // values.
  virtual std::int64_t packed_bytes() const { return 0; }
  virtual std::string packed_key() const { return {}; }
  virtual Status pack_constants(std::span<const TensorView> inputs, void* packed) const {
    (void)inputs, (void)packed;
    return {};
  }

  virtual Status run(const KernelRun& run) = 0;
};

// One way to compute an op. `prepare` declines with ErrorCode::declined and the reason, and the next
// candidate is asked; any other error ends the bind.
struct KernelEntry {
  std::string_view op;
  std::string_view name;
  // May carry state; called by several threads at once.
  std::function<Result<std::unique_ptr<Kernel>>(const KernelRequest& request)> prepare;
  std::string_view device{};  // "cpu", "cuda"; empty in a backend's own list
  // It is asked where operands are stored in 8 bits (activations in u8 with their quantisation, weights in
  // s8), and there alone; it checks itself which it takes.
  bool eight_bits = false;
};

}  // namespace graphrun
