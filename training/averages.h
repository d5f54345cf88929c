#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/status.h"
#include "runtime/model/program.h"
#include "runtime/session/bound_op.h"
#include "runtime/weights/tensor_file.h"
#include "runtime/weights/weights.h"

namespace graphrun::training {

// In a checkpoint of a run with averages a parameter's own name has its average, which is what is to be used,
// and this prefix with the name the parameter that training goes on with.
inline constexpr std::string_view kTrainedPrefix = weights::kTrainedPrefix;

// Exponential moving averages of a run's parameters, in memory of their device: after the first step the
// parameters themselves, after each later one average + (1 - decay) * (parameter - average), as PyTorch's
// AveragedModel with get_ema_multi_avg_fn(decay). Running statistics are not averaged.
class Averages {
 public:
  // `program` and `weights` must be those of the run. Memory: as much as the parameters take.
  static Result<std::unique_ptr<Averages>> make(const model::Program& program,
                                                std::shared_ptr<weights::Weights> weights, double decay);
  // Takes those of a checkpoint, where it has any.
  Status load(const weights::TensorFile& file);
  // After a step.
  Status update();
  // Whether there has been a step, or a load() that found some.
  bool any() const { return any_; }
  // The average of a parameter, by index of Model::variables; data is null for other variables.
  TensorView of(std::size_t variable) const;
  // Puts the averages in the place of the parameters, for a validation, and the parameters back. Memory: as
  // much again, from the first time on. Nothing while there are none.
  Status enter();
  Status leave();

 private:
  explicit Averages(std::shared_ptr<weights::Weights> weights) : weights_(std::move(weights)) {}
  Status bind(const OpRegistry& ops);
  Result<session::BoundOp> bind_copy(const TensorView& from, const TensorView& to) const;
  const OpRegistry* ops_ = nullptr;
  std::shared_ptr<weights::Weights> weights_;
  std::vector<TensorView> averages_;  // by variable
  std::vector<std::string> names_;    // by variable
  TensorView parameters_;             // all of them, one range
  std::unique_ptr<model::Buffer> memory_;
  std::unique_ptr<model::Buffer> aside_;    // the parameters, during a validation
  std::unique_ptr<model::Buffer> numbers_;  // the ops' factors
  std::optional<session::BoundOp> begin_;
  std::optional<session::BoundOp> move_;
  std::optional<session::BoundOp> put_aside_;
  std::optional<session::BoundOp> put_averages_;
  std::optional<session::BoundOp> put_back_;
  bool any_ = false;
};

}  // namespace graphrun::training
