#include "training/batch_step.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>

#include "runtime/session/signature.h"
#include "training/class_weights.h"

namespace graphrun::training {

Result<std::unique_ptr<BatchStep>> BatchStep::make(std::shared_ptr<const model::Program> program,
                                                   std::shared_ptr<weights::Weights> weights,
                                                   std::int64_t batch, const SettingTable& settings,
                                                   DType precision, const session::DataParallel& parallel,
                                                   std::shared_ptr<collective::Communicator> host_ranks,
                                                   std::int64_t memory_budget) {
  const std::int64_t parts = settings.integer("accumulate");
  if (batch % parts != 0) {
    return {ErrorCode::invalid_argument, "batch_size " + std::to_string(batch) +
                                             ": expected a multiple of accumulate, which is " +
                                             std::to_string(parts)};
  }
  GRAPHRUN_TRY(session::require_image(program->model()));
  session::TrainSession::Options options;
  options.n = batch / parts;
  options.h = settings.integer("train_h");
  options.w = settings.integer("train_w");
  options.accumulate = parts > 1;
  options.clip = settings.real("clip_norm") > 0;
  options.precision = precision;
  options.memory_budget = memory_budget;
  options.parallel = parallel;
  std::shared_ptr<model::Backend> backend = weights->backend();
  GRAPHRUN_ASSIGN(std::unique_ptr<session::TrainSession> session,
                  session::TrainSession::create(std::move(program), std::move(weights), options));
  GRAPHRUN_TRY(session->check_supervised());
  GRAPHRUN_TRY(apply_class_weights(settings, *session));
  if (parallel.comm == nullptr) host_ranks = nullptr;
  return std::unique_ptr<BatchStep>(new BatchStep(std::move(backend), std::move(session), parts,
                                                  std::move(host_ranks), parallel.mean_of_ranks));
}

BatchStep::BatchStep(std::shared_ptr<model::Backend> backend, std::unique_ptr<session::TrainSession> session,
                     std::int64_t parts, std::shared_ptr<collective::Communicator> host_ranks,
                     bool mean_of_ranks)
    : backend_(std::move(backend)),
      session_(std::move(session)),
      parts_(parts),
      comm_(std::move(host_ranks)),
      mean_of_ranks_(mean_of_ranks),
      confusion_(static_cast<int>(session_->output_of(model::roles::kConfusion).desc.shape[0])),
      part_confusion_(
          static_cast<std::size_t>(session_->output_of(model::roles::kConfusion).desc.shape.count())) {}

Result<Losses> BatchStep::compute(const datasets::Batch& batch, std::uint64_t seed,
                                  session::StepObserver* observer) {
  std::ranges::fill(confusion_.cells(), 0);
  Losses sums;
  double weights = 0;
  const std::int64_t first_sample = comm_ == nullptr ? 0 : comm_->rank() * batch.n;
  for (std::int64_t part = 0; part < parts_; ++part) {
    GRAPHRUN_TRY(fill(batch, part, observer));
    const session::TrainSession::RandomState random{static_cast<std::int64_t>(seed), batch.iteration,
                                                    first_sample + part * session_->image().desc.n()};
    GRAPHRUN_TRY(session_->compute(random, observer));
    Losses losses;
    GRAPHRUN_ASSIGN(losses.total, loss(model::roles::kLoss, 0));
    GRAPHRUN_ASSIGN(losses.main, loss(model::roles::kMainLoss, losses.total));
    GRAPHRUN_ASSIGN(losses.aux, loss(model::roles::kAuxLoss, 0));
    GRAPHRUN_TRY(check_finite(losses, random));
    GRAPHRUN_ASSIGN(const double weight, count());
    if (parts_ == 1) {
      GRAPHRUN_TRY(average_losses(losses));
      return losses;
    }
    GRAPHRUN_TRY(session_->accumulate(weight, part == 0, part + 1 == parts_));
    weights += weight;
    sums.total += weight * losses.total;
    sums.main += weight * losses.main;
    sums.aux += weight * losses.aux;
  }
  GRAPHRUN_ASSIGN(std::string parameter, session_->nonfinite_gradient());
  GRAPHRUN_ASSIGN(const bool bad, any_rank(!parameter.empty()));
  if (bad) {
    if (parameter.empty()) parameter = "a parameter on another rank";
    return {ErrorCode::invalid_argument, "the gradient of " + parameter +
                                             " is not finite: those of the parts were, but not their sum; "
                                             "nothing was updated"};
  }
  Losses losses;
  if (weights != 0) losses = {sums.total / weights, sums.main / weights, sums.aux / weights};
  GRAPHRUN_TRY(average_losses(losses));
  return losses;
}

Result<double> BatchStep::loss(std::string_view role, double otherwise) const {
  auto value = session_->scalar_of(role);
  if (!value.ok() && value.status().code() == ErrorCode::not_found) return otherwise;
  return value;
}

Status BatchStep::average_losses(Losses& losses) const {
  if (comm_ == nullptr || !mean_of_ranks_) return {};
  std::array<double, 3> all{losses.total, losses.main, losses.aux};
  GRAPHRUN_TRY(collective::all_reduce<double>(*comm_, all));
  losses = {all[0] / comm_->size(), all[1] / comm_->size(), all[2] / comm_->size()};
  return {};
}

// What all ranks must do together has to be decided together.
Result<bool> BatchStep::any_rank(bool here) const {
  std::int32_t any = here ? 1 : 0;
  if (comm_ != nullptr)
    GRAPHRUN_TRY(collective::all_reduce(*comm_, &any, 1, DType::i32, collective::ReduceOp::max));
  return any != 0;
}

Status BatchStep::fill(const datasets::Batch& batch, std::int64_t part, session::StepObserver* observer) {
  const TensorView image = session_->image();
  const TensorView label = session_->label();
  if (observer != nullptr) observer->begin_other("image and label", "copy");
  GRAPHRUN_TRY(backend_->copy_to_device(image.data, batch.image + part * image.desc.shape.count(),
                                        image.desc.bytes()));
  GRAPHRUN_TRY(backend_->copy_to_device(label.data, batch.label + part * label.desc.shape.count(),
                                        label.desc.bytes()));
  if (observer != nullptr) observer->end_other();
  return {};
}

Status BatchStep::check_finite(const Losses& losses, const session::TrainSession::RandomState& random) {
  std::string what;
  if (!std::isfinite(losses.total)) {
    // Whether a NaN has a sign means nothing.
    const auto text = [](double loss) { return std::isnan(loss) ? "nan" : std::to_string(loss); };
    what = "the loss is not finite (main " + text(losses.main) + ", aux " + text(losses.aux) + ")";
  } else {
    GRAPHRUN_ASSIGN(const std::string parameter, session_->nonfinite_gradient());
    if (!parameter.empty()) what = "the gradient of " + parameter + " is not finite";
  }
  GRAPHRUN_ASSIGN(const bool bad, any_rank(!what.empty()));
  if (!bad) return {};
  if (what.empty()) what = "another rank met a loss or gradient that is not finite";
  GRAPHRUN_ASSIGN(const std::string where, session_->find_nonfinite(random));
  return {ErrorCode::invalid_argument,
          what + ": " + where + "; nothing was updated. A lower base_lr is what most often helps"};
}

// Adds the part to the batch's confusion matrix; returns what the part's main loss was averaged over.
Result<double> BatchStep::count() {
  const TensorView view = session_->output_of(model::roles::kConfusion);
  GRAPHRUN_TRY(backend_->copy_to_host(part_confusion_.data(), view.data, view.desc.bytes()));
  confusion_.add(part_confusion_);
  if (const TensorView totals = session_->output_of(model::roles::kMainTotals); totals.data != nullptr) {
    std::array<double, 2> sums{};  // of losses and of weights
    GRAPHRUN_TRY(
        session::check_signature(totals, TensorDesc::dense(DType::f64, {2}), "totals of the main loss"));
    GRAPHRUN_TRY(backend_->copy_to_host(sums.data(), totals.data, sizeof(sums)));
    return sums[1];
  }
  return static_cast<double>(
      std::accumulate(part_confusion_.begin(), part_confusion_.end(), std::int64_t{0}));
}

}  // namespace graphrun::training
