#include "training/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "graphrun/kernel/attributes.h"

namespace graphrun::training {

double poly_learning_rate(double base_lr, double power, std::int64_t iter, std::int64_t max_iter) {
  return base_lr * std::pow(1.0 - static_cast<double>(iter - 1) / static_cast<double>(max_iter), power);
}

Result<Schedule> Schedule::make(const SettingTable& settings, std::int64_t iterations,
                                std::int64_t iterations_per_epoch) {
  const auto wrong = [](std::string text) { return Status(ErrorCode::invalid_argument, std::move(text)); };
  Schedule schedule;
  const std::string kind = settings.word("schedule");
  schedule.kind_ = kind == "cosine"     ? Kind::cosine
                   : kind == "step"     ? Kind::step
                   : kind == "constant" ? Kind::constant
                                        : Kind::poly;
  schedule.base_ = settings.real("base_lr");
  schedule.min_ = settings.real("min_lr");
  schedule.power_ = settings.real("power");
  schedule.warmup_ = settings.integer("warmup_iters");
  schedule.warmup_factor_ = settings.real("warmup_factor");
  schedule.step_factor_ = settings.real("step_factor");
  schedule.iterations_ = iterations;
  if (schedule.min_ > schedule.base_)
    return wrong("min_lr " + settings.json("min_lr") + " is above base_lr " + settings.json("base_lr"));
  if (schedule.warmup_ > 0 && schedule.warmup_ >= iterations) {
    return wrong("warmup_iters " + std::to_string(schedule.warmup_) + ": the run has " +
                 std::to_string(iterations) + " iterations (" + std::to_string(iterations_per_epoch) +
                 " an epoch), and some must be left after the warm-up");
  }
  // Two falls late in the run, where nothing else is said.
  const auto epochs = static_cast<double>(iterations) / static_cast<double>(iterations_per_epoch);
  std::vector<double> at{epochs * 2 / 3, epochs * 8 / 9};
  if (settings.has_value("step_epochs")) at = settings.reals("step_epochs");
  if (!std::ranges::is_sorted(at)) return wrong("step_epochs: expected epochs in ascending order");
  for (const double epoch : at)
    schedule.steps_.push_back(std::llround(epoch * static_cast<double>(iterations_per_epoch)));
  return schedule;
}

double Schedule::rate(std::int64_t iter) const {
  const std::int64_t done = iter - 1;
  if (done < warmup_) {
    const double part = static_cast<double>(done) / static_cast<double>(warmup_);
    return base_ * (warmup_factor_ + (1.0 - warmup_factor_) * part);
  }
  const std::int64_t all = iterations_ - warmup_;
  switch (kind_) {
    case Kind::poly:
      return min_ + poly_learning_rate(base_ - min_, power_, iter - warmup_, all);
    case Kind::cosine: {
      const double part = static_cast<double>(done - warmup_) / static_cast<double>(all);
      return min_ + (base_ - min_) * (1.0 + std::cos(std::numbers::pi * part)) / 2;
    }
    case Kind::step: {
      const auto falls = std::ranges::count_if(steps_, [&](std::int64_t at) { return at <= done; });
      return std::max(base_ * std::pow(step_factor_, static_cast<double>(falls)), min_);
    }
    case Kind::constant:
      break;
  }
  return base_;
}

}  // namespace graphrun::training
