#include "training/jobs/memory_plan.h"

#include "runtime/core/guard.h"

namespace graphrun::training {

Result<session::TrainMemory> plan_training(const model::Program& program, const model::Backend& backend,
                                           const TrainingShape& shape) {
  if (shape.parts < 1 || shape.images % shape.parts != 0) {
    return {ErrorCode::invalid_argument, std::to_string(shape.images) + " images cannot be computed in " +
                                             std::to_string(shape.parts) + " equal parts (accumulate)"};
  }
  session::TrainSession::Options options;
  options.n = shape.images / shape.parts;
  options.h = shape.height;
  options.w = shape.width;
  options.accumulate = shape.parts > 1;
  options.precision = shape.precision;
  return session::TrainSession::plan(program, backend, options);
}

Result<std::vector<TrainingPlan>> ways_to_train(const model::Program& program, const model::Backend& backend,
                                                const TrainingShape& shape) try {
  std::vector<TrainingPlan> plans;
  Status refused;
  for (const DType precision : {DType::f32, DType::bf16}) {
    if (!backend.check_precision(precision).ok()) continue;
    for (std::int64_t parts = 1; parts <= shape.images; ++parts) {
      if (shape.images % parts != 0) continue;
      const TrainingShape way{shape.images, shape.height, shape.width, parts, precision};
      const Result<session::TrainMemory> memory = plan_training(program, backend, way);
      if (memory.ok()) plans.push_back({way, *memory});
      if (!memory.ok() && refused.ok()) refused = memory.status();
    }
  }
  if (plans.empty()) return refused;
  return plans;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
