#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "graphrun/tensor.h"
#include "runtime/collective/communicator.h"
#include "runtime/session/bound_method.h"
#include "runtime/session/bound_op.h"

namespace graphrun::session {

// A gradient, and the step of the backward pass after which it is complete.
struct ReadyGradient {
  TensorView view;  // f32, dense
  std::int32_t step = 0;
  int owner = -1;  // the rank that alone needs the sum; -1: all do
};

// Adds up the gradients of all ranks, in buckets: each is on its way as soon as its last gradient is
// complete, while the backward pass goes on. Summed in place, without copies, unless they travel as bf16.
class GradientReducer final : public StepHook {
 public:
  struct Options {
    std::int64_t bucket_bytes = std::int64_t{4} << 20;  // a bucket ends with the gradient that reaches this
    bool overlap = true;                                // false: nothing starts before finish()
    DType type = DType::f32;                            // bf16: half the bytes, each sum rounded
  };
  // `gradients` lie one after the other in memory. Errors: memory for bf16.
  static Result<std::unique_ptr<GradientReducer>> create(const OpRegistry& ops, model::Backend& backend,
                                                         std::shared_ptr<collective::Communicator> comm,
                                                         std::span<const ReadyGradient> gradients,
                                                         const Options& options);

  // Before a backward pass whose steps are told to after_step().
  void begin() { next_ = 0; }
  Status after_step(std::size_t step) override;
  // Starts what is left and waits for all.
  Status finish();

 private:
  struct Bucket {
    TensorView view;
    std::int32_t step = 0;
    int owner = -1;
    std::optional<BoundOp> pack;  // to bf16
    std::optional<BoundOp> unpack;
    TensorView packed;
    collective::Communicator::Ticket ticket = 0;
  };
  GradientReducer(std::shared_ptr<collective::Communicator> comm, bool overlap)
      : comm_(std::move(comm)), overlap_(overlap) {}
  void make_buckets(std::span<const ReadyGradient> gradients, std::int64_t bucket_bytes);
  Status make_packing(const OpRegistry& ops, model::Backend& backend);
  Status start(Bucket& bucket);

  std::shared_ptr<collective::Communicator> comm_;
  bool overlap_;
  std::vector<Bucket> buckets_;  // in the order in which they start
  std::unique_ptr<model::Buffer> packed_;
  std::size_t next_ = 0;  // the first bucket that has not started
};

}  // namespace graphrun::session
