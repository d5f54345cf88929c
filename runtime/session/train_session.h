#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/session/bound_method.h"
#include "runtime/session/bound_op.h"
#include "runtime/session/gradient_reducer.h"
#include "runtime/session/replay.h"

namespace graphrun::session {

// What a training session does together with other ranks, each of which has a part of the batch.
struct DataParallel {
  std::shared_ptr<collective::Communicator> comm;  // of the session's device; null: this process is alone
  std::shared_ptr<collective::Communicator>
      norm_ranks;  // who share batch norm's statistics; null: each its own
  // Losses are averaged over the pixels of all ranks; true: over each rank's, and then over the ranks.
  bool mean_of_ranks = false;
  // partition_parameters(): `weights` hold the state of this rank's parameters alone, and update() sends the
  // parameters.
  bool shard_optimizer = false;
  GradientReducer::Options exchange;
};

// What training takes of one rank, in bytes.
struct TrainMemory {
  std::int64_t variables = 0;    // parameters, buffers and the optimizer's state
  std::int64_t gradients = 0;    // twice as many where they are accumulated
  std::int64_t activations = 0;  // kept or computed again, without what follows
  std::int64_t scratch = 0;      // of this device's kernels, beyond that
  std::int64_t total() const { return variables + gradients + activations + scratch; }
};

// The `train` and `update` methods of a program for one batch size and crop. Has its weights for itself: no
// other session may run while a step runs.
class TrainSession {
 public:
  struct Options {
    std::int64_t n = 0;
    std::int64_t h = 0;
    std::int64_t w = 0;
    bool fuse = true;
    bool accumulate = false;  // memory for accumulate(): as much again as the gradients take
    bool clip = false;        // clip_gradients() will be called
    // f32, or bf16: activations and their gradients are stored in bf16, and products of bf16 are summed in
    // f32; parameters and their gradients, statistics and losses stay f32. As in Session::Options.
    DType precision = DType::f32;
    // Bytes that planned_bytes() may come to: what the compiler lets run again to save memory is kept from
    // the forward pass instead, as far as that fits. Losses and gradients keep their bits. 0: the least
    // memory.
    std::int64_t memory_budget = 0;
    DataParallel parallel{};
  };
  // Errors: weights that are mapped from a file, inputs or outputs that are not as described below, a memory
  // budget under the least memory.
  static Result<std::unique_ptr<TrainSession>> create(std::shared_ptr<const model::Program> program,
                                                      std::shared_ptr<weights::Weights> weights,
                                                      const Options& options);

  // What create() would take with the least memory; none is taken.
  static Result<TrainMemory> plan(const model::Program& program, const model::Backend& backend,
                                  const Options& options);

  // Memory of the device: (N, channels, H, W) in NHWC and i32 (N, H, W), to be filled before compute().
  TensorView image() const { return input_of(*train_, model::roles::kImage); }
  TensorView label() const { return input_of(*train_, model::roles::kLabel); }

  // Errors: a model whose signature has no label or no confusion counts, which training on images needs.
  Status check_supervised() const;

  // What a pixel of each class counts in the losses (cross_entropy); all 1 until this is called. Errors: a
  // model without class weights, another number of classes, a weight that is not in 0 to 1e6,
  // no weight above 0.
  Status set_class_weights(std::span<const float> weights);

  // What random ops (dropout) draw from: the same three numbers give the same step.
  struct RandomState {
    std::int64_t seed = 0;
    std::int64_t iteration = 0;
    std::int64_t first_sample = 0;  // index in the global batch of this rank's first sample
  };
  // Losses and gradients of the batch, of all ranks' parts where there are several; running statistics are
  // updated. Losses are of all ranks too, unless they are means of ranks: then they are this rank's. Errors:
  // a label that is no class; a rank that does not take part.
  Status compute(const RandomState& random, StepObserver* observer = nullptr);
  // For a batch that is computed in parts, after compute() of each: afterwards the gradients are those of all
  // parts so far since `first`, averaged by `weight`: what the part's losses are averaged over. They can be
  // used once `last` was given. Precondition: Options::accumulate.
  Status accumulate(double weight, bool first, bool last);
  // Scales all gradients so that their common norm, over all parameters and ranks, is at most `norm`: by norm
  // / (their norm + 1e-6) where that is below 1. Returns the norm they had. Every rank calls it.
  // Precondition: Options::clip.
  Result<double> clip_gradients(double norm);
  // The parameter of the first gradient that holds an infinity or NaN; empty where there is none. One pass
  // over the gradients.
  Result<std::string> nonfinite_gradient();
  // For a loss or gradient that is not finite: repeats the last compute(), which `random` must be of, and
  // says which parameter or input was not finite before it and which node gave the first output that is not.
  // Running statistics change once more: the weights are of no use afterwards.
  Result<std::string> find_nonfinite(const RandomState& random);
  // One optimiser step with the gradients of the last compute() or accumulate().
  Status update(double learning_rate, StepObserver* observer = nullptr);

  // An output of the last compute() by its role (runtime/model/signature.h), e.g. roles::kConfusion; data is
  // null where the model has none.
  TensorView output_of(std::string_view role) const;
  // An output by its name, e.g. "aux_totals".
  TensorView output(std::string_view name) const { return train_->output(name); }
  // A scalar output as a number. Copies from the device. Errors: no such output (not_found); what the device
  // found wrong in the last compute().
  Result<double> scalar_of(std::string_view role) const { return number(output_of(role), role); }
  Result<double> scalar(std::string_view name) const { return number(output(name), name); }
  // Gradient of the parameter with this name; data is null for an unknown one.
  TensorView gradient(std::string_view parameter) const;

  std::int64_t arena_bytes() const {
    return train_->arena_bytes() + gradient_memory_->bytes() + (sum_memory_ ? sum_memory_->bytes() : 0);
  }
  // All memory of the device that a step needs: activations and scratch, gradients, and of the weights
  // parameters, running statistics and optimiser state.
  std::int64_t planned_bytes() const { return bytes_besides_activations() + train_->arena_bytes(); }
  const Rematerialisations& rematerialisations() const { return train_->rematerialisations(); }

 private:
  TrainSession(std::shared_ptr<const model::Program> program, std::shared_ptr<weights::Weights> weights)
      : program_(std::move(program)), weights_(std::move(weights)), train_replay_(*weights_->backend()) {}
  TensorView class_weights() const { return input_of(*train_, model::roles::kClassWeights); }
  TensorView input_of(const BoundMethod& method, std::string_view role) const;
  Result<double> number(const TensorView& view, std::string_view what) const;
  Status allocate_gradients();
  Status bind_gradient_ops(const Options& options);
  Status bind_clip(const Options& options);
  std::int64_t bytes_besides_activations() const;
  Status bind_train(std::int64_t budget, MethodOptions method_options);
  Status bind_update(MethodOptions method_options);
  Status bind_exchange(const OpRegistry& ops);
  Status set_factors(double a, double b);
  Status compute_here(const RandomState& random, StepObserver* observer);
  Status run_train(StepObserver* observer);
  Status exchange_gradients();
  Status run_axpby(BoundOp& op, double a, double b);
  Status gather_parameters();
  Status check_ports(const Options& options) const;
  std::shared_ptr<const model::Program> program_;
  std::shared_ptr<weights::Weights> weights_;
  std::int64_t gradient_bytes_ = 0;  // of all gradients; a buffer may be larger
  std::unique_ptr<model::Buffer> gradient_memory_;
  std::vector<TensorView> gradients_;          // by variable; data is null for others
  std::unique_ptr<model::Buffer> sum_memory_;  // of the parts so far, gradients times weights
  std::unique_ptr<model::Buffer> numbers_;     // the ops' scalars
  std::optional<BoundOp> add_to_sum_;
  std::optional<BoundOp> add_sum_;  // to the gradients
  std::optional<BoundOp> first_nonfinite_;
  std::optional<BoundOp> squares_;     // of this rank's gradients
  std::optional<BoundOp> clip_scale_;  // all gradients
  double weight_ = 0;                  // of the parts so far
  std::unique_ptr<BoundMethod> train_;
  std::unique_ptr<BoundMethod> update_;
  DataParallel parallel_;
  std::unique_ptr<GradientReducer> exchange_;  // null: alone
  std::optional<BoundOp> scale_;               // the gradients
  std::vector<int> owners_;                    // partition_parameters(); empty: every rank updates all
  // With owners: parameters that are trained, and the bytes of each rank's.
  void* parameters_ = nullptr;
  std::vector<std::int64_t> parameter_bytes_;
  // Go before the ranks do: NCCL waits for recordings of what it was asked for.
  Replay train_replay_;
};

}  // namespace graphrun::session
