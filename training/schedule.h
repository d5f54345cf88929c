#pragma once

#include <cstdint>
#include <vector>

#include "graphrun/status.h"
#include "training/run/settings.h"

namespace graphrun::training {

// poly learning rate of iteration `iter` (from 1) of `max_iter`: base_lr before the first step.
double poly_learning_rate(double base_lr, double power, std::int64_t iter, std::int64_t max_iter);

// The learning rate of each iteration of a run, of the settings alone: the same after a resume. The first
// warmup_iters iterations rise linearly from warmup_factor * base_lr; the schedule proper begins after them
// and takes the rest of the run, as PyTorch's SequentialLR of LinearLR and another scheduler.
class Schedule {
 public:
  // `iterations`: of the whole run. Errors: a warm-up that takes all of it, a min_lr above base_lr, epochs of
  // steps that do not ascend.
  static Result<Schedule> make(const SettingTable& settings, std::int64_t iterations,
                               std::int64_t iterations_per_epoch);
  // `iter`: from 1
  double rate(std::int64_t iter) const;

 private:
  enum class Kind { poly, cosine, step, constant };
  Schedule() = default;
  Kind kind_ = Kind::poly;
  double base_ = 0;
  double min_ = 0;
  double power_ = 0;
  double warmup_factor_ = 0;
  double step_factor_ = 0;
  std::int64_t iterations_ = 0;
  std::int64_t warmup_ = 0;
  std::vector<std::int64_t> steps_;  // iterations after which the rate falls
};

}  // namespace graphrun::training
