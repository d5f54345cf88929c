#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "runtime/session/planned_method.h"
#include "runtime/session/replay.h"
#include "runtime/weights/weights.h"

namespace graphrun::session {

// A step of a run as its observer sees it. Device memory; data is null where an input is absent or an output
// unwanted.
struct StepView {
  std::string_view path;
  const OpDef& def;
  std::string_view kernel;
  std::span<const TensorView> inputs;
  std::span<const TensorView> outputs;
  double operations;             // of products, 2 for a multiplication with its addition (OpDef::cost)
  std::span<std::byte> scratch;  // device memory, too
};

// Called before and after each step of a run, on the thread that runs.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  virtual void before(const StepView& step) = 0;
  virtual void after(const StepView& step) = 0;
  // What else is started between steps: a copy to the device, an exchange with other ranks. One at a time.
  virtual void begin_other(std::string_view what, std::string_view kind) { (void)what, (void)kind; }
  virtual void end_other() {}
};

// Called after each step of a run, on the thread that runs: work that goes on beside the steps.
class StepHook {
 public:
  virtual ~StepHook() = default;
  virtual Status after_step(std::size_t step) = 0;
};

// A method bound to sizes, weights and a backend: kernels, addresses and one arena. run() allocates nothing
// and looks nothing up. Used by one thread at a time.
class BoundMethod {
 public:
  // `gradients`: memory for gradient variables, by index of Model::variables; may be empty where the method
  // has none.
  static Result<std::unique_ptr<BoundMethod>> bind(std::shared_ptr<const model::Program> program,
                                                   std::string_view method,
                                                   std::shared_ptr<weights::Weights> weights,
                                                   std::span<const TensorView> gradients,
                                                   const MethodOptions& options);
  // As bind(), of what prepare_method() gave for this program, the weights' device and these options.
  static Result<std::unique_ptr<BoundMethod>> bind(std::shared_ptr<const model::Program> program,
                                                   PlannedMethod planned,
                                                   std::shared_ptr<weights::Weights> weights,
                                                   std::span<const TensorView> gradients,
                                                   const MethodOptions& options);

  // On a device other than the host the run is started, recorded where the device can (Replay); with an
  // observer, step by step.
  Status run(StepObserver* observer = nullptr);
  // The two halves of run(), for whoever records more than the steps: what kernels prepare is made for the
  // weights' version, then the steps are started. Whoever calls run_steps() holds the backend's turn.
  Status refresh();
  Status run_steps(StepObserver* observer = nullptr, StepHook* hook = nullptr);

  // By index of Model::variables: the last step that touches it, after which its memory is free for others;
  // -1 where none does.
  std::vector<std::int32_t> last_steps(std::size_t variables) const;

  // Device memory of an input or output; data is null for a name the method has not. Inputs keep their
  // content from run to run, outputs until the next run.
  TensorView input(std::string_view name) const;
  TensorView output(std::string_view name) const;

  // How the output that was taken before a resize is brought to its size; empty: none was.
  std::optional<numeric::Interpolation> left_out() const { return left_out_; }

  std::int64_t arena_bytes() const { return arena_bytes_; }
  std::int64_t table_bytes() const { return table_bytes_; }
  const Rematerialisations& rematerialisations() const { return recomputations_; }

 private:
  // An output that ranks add up.
  struct AllReduce {
    collective::Communicator* comm;
    TensorView view;
  };
  struct Step {
    std::string path;
    const OpDef* def = nullptr;
    std::shared_ptr<Kernel> kernel;
    std::vector<TensorView> inputs;
    std::vector<TensorView> outputs;
    void* scratch = nullptr;
    const void* packed = nullptr;
    std::string packed_key;
    std::vector<AllReduce> exchanges;
    std::vector<std::int32_t> variables;  // that it reads or writes
    double operations = 0;
  };
  friend class Binder;
  BoundMethod() = default;
  Status exchange(Step& step, StepObserver* observer);

  std::shared_ptr<const model::Program>
      program_;  // owns the OpDefs' registry's model; keeps paths and defs valid
  std::shared_ptr<weights::Weights> weights_;
  std::shared_ptr<model::Buffer> arena_;
  std::optional<numeric::Interpolation> left_out_;
  std::int64_t arena_bytes_ = 0;
  std::int64_t table_bytes_ = 0;
  Rematerialisations recomputations_;
  std::vector<Step> steps_;
  std::vector<std::pair<std::string, TensorView>> inputs_;
  std::vector<std::pair<std::string, TensorView>> outputs_;
  std::uint64_t packed_version_ = 0;
  Reductions reductions_;  // keeps what steps exchange with alive
  std::optional<Replay> replay_;
};

}  // namespace graphrun::session
