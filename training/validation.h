#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "datasets/augment.h"
#include "datasets/loader.h"
#include "graphrun/status.h"
#include "runtime/session/bound_op.h"
#include "runtime/session/session.h"
#include "training/records.h"
#include "training/trainer.h"

namespace graphrun::training {

struct Validation {
  ValidationRecord record;
  std::vector<Picture> pictures;  // of the first samples
};

// Loss and metrics on centre crops of the training size of job.validation, of which each rank computes a
// part: the quick look that the reference takes between epochs. `grun eval` is the real evaluation. Sessions
// and memory are kept from one to the next.
class Validator {
 public:
  // The job must outlive the validator.
  static Result<std::unique_ptr<Validator>> make(const TrainJob& job,
                                                 const datasets::AugmentSettings& augment);
  // Gives every rank the same, pictures apart, which the first has. Empty where a signal to any rank came
  // before the end.
  Result<std::optional<Validation>> run(TrainObserver& observer);

 private:
  Validator(const TrainJob& job, const datasets::AugmentSettings& augment,
            std::unique_ptr<session::Session> session, const TensorView& logits);
  Status bind();
  Status fill(datasets::Loader& loader, std::int64_t first, std::int64_t count);
  Status score();
  Status sum_up();
  Status add_pictures(std::int64_t first, std::int64_t count, Validation& validation);

  const TrainJob& job_;
  datasets::AugmentSettings augment_;
  std::unique_ptr<session::Session> session_;
  std::int64_t pixels_;                    // of a sample
  std::vector<std::int32_t> label_;        // of the batch
  std::vector<float> images_;              // of the batch, as far as pictures are made of them
  std::unique_ptr<model::Buffer> memory_;  // on the device, of the views that follow
  TensorView logits_;                      // of the session
  TensorView device_label_, classes_, totals_, counts_;
  std::optional<session::BoundOp> score_;
  std::optional<session::BoundOp> arg_max_;
  // Sums over this rank's samples so far.
  double loss_ = 0;
  double weight_ = 0;
  ConfusionMatrix confusion_;
};

}  // namespace graphrun::training
