#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/model/backend.h"
#include "runtime/model/program.h"
#include "runtime/session/train_session.h"

namespace graphrun::training {

// A batch of training: (images, channels, height, width) in `parts` equal parts, computed one after the
// other.
struct TrainingShape {
  std::int64_t images = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t parts = 1;  // the setting accumulate
  DType precision = DType::f32;
};

// What a training step takes, without doing it. Errors: parts that do not divide the images; what a
// TrainSession refuses.
Result<session::TrainMemory> plan_training(const model::Program& program, const model::Backend& backend,
                                           const TrainingShape& shape);

struct TrainingPlan {
  TrainingShape shape;
  session::TrainMemory memory;
};

// The ways to compute these images in a step, from one part to one image a part, each in f32 and where the
// backend has it in bf16. A way that the model refuses, such as batch norm of a single value, is left out.
Result<std::vector<TrainingPlan>> ways_to_train(const model::Program& program, const model::Backend& backend,
                                                const TrainingShape& shape);

}  // namespace graphrun::training
