#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "datasets/loader.h"
#include "graphrun/status.h"
#include "runtime/session/train_session.h"
#include "training/evaluation/metrics.h"
#include "training/run/settings.h"

namespace graphrun::training {

struct Losses {
  double total = 0;
  double main = 0;
  double aux = 0;
};

// One optimiser step of a global batch, which is computed in `accumulate` parts, one after the other: the
// gradients are those of the loss that is averaged over the whole batch. Batch norm sees one part at a time.
class BatchStep {
 public:
  // `batch`: images of this rank, as many on each. `host_ranks`: those of parallel.ranks with memory of the
  // host; null where this process is alone. `memory_budget`: TrainSession::Options. Errors: parts that do not
  // divide it, a model that is not for RGB images with labels, sizes that it refuses.
  static Result<std::unique_ptr<BatchStep>> make(
      std::shared_ptr<const model::Program> program, std::shared_ptr<weights::Weights> weights,
      std::int64_t batch, const SettingTable& settings, DType precision = DType::f32,
      const session::DataParallel& parallel = {},
      std::shared_ptr<collective::Communicator> host_ranks = nullptr, std::int64_t memory_budget = 0);

  // Losses and gradients, of all ranks. Errors: a label that is no class; a loss or gradient that is not
  // finite: the message names the first tensor that is not. Nothing is updated then.
  Result<Losses> compute(const datasets::Batch& batch, std::uint64_t seed,
                         session::StepObserver* observer = nullptr);
  // Scales the gradients to a common norm of at most `norm`; 0: leaves them.
  Status clip(double norm) { return norm > 0 ? status_of(session_->clip_gradients(norm)) : Status(); }
  Status update(double learning_rate, session::StepObserver* observer = nullptr) {
    return session_->update(learning_rate, observer);
  }
  const session::TrainSession& session() const { return *session_; }
  // Confusion of this rank's part of the last batch, as it was trained on.
  const ConfusionMatrix& confusion() const { return confusion_; }

 private:
  BatchStep(std::shared_ptr<model::Backend> backend, std::unique_ptr<session::TrainSession> session,
            std::int64_t parts, std::shared_ptr<collective::Communicator> host_ranks, bool mean_of_ranks);
  Status fill(const datasets::Batch& batch, std::int64_t part, session::StepObserver* observer);
  Status check_finite(const Losses& losses, const session::TrainSession::RandomState& random);
  Result<double> count();
  // An output of the session, `otherwise` where the model has none with that role.
  Result<double> loss(std::string_view role, double otherwise) const;
  Status average_losses(Losses& losses) const;
  Result<bool> any_rank(bool here) const;
  std::shared_ptr<model::Backend> backend_;
  std::unique_ptr<session::TrainSession> session_;
  std::int64_t parts_;
  std::shared_ptr<collective::Communicator> comm_;  // null: alone
  bool mean_of_ranks_;
  ConfusionMatrix confusion_;
  std::vector<std::int64_t> part_confusion_;
};

}  // namespace graphrun::training
