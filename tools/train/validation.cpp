#include "tools/train/validation.h"

#include <algorithm>

#include "datasets/loader.h"
#include "runtime/session/image.h"
#include "runtime/session/session.h"

namespace graphrun {
Result<Metrics> validate_crops(const TrainJob& job, AugmentSettings augment) {
  augment.augment = false;
  const std::int64_t samples = job.validation->size();
  GRAPHRUN_ASSIGN(const std::unique_ptr<Session> session,
                  Session::create(job.program, job.weights, {1, augment.train_h, augment.train_w}));
  if (session->output().data == nullptr)
    return {ErrorCode::invalid_argument, "the method \"eval\" has no output \"logits\""};
  SamplerSettings sampling;
  sampling.samples = samples;
  sampling.batch_size = 1;
  sampling.shuffle = false;
  GRAPHRUN_ASSIGN(const Sampler sampler, Sampler::make(sampling));
  LoaderSettings loading;
  loading.workers = static_cast<int>(job.settings.integer("workers"));
  loading.end = samples;
  GRAPHRUN_ASSIGN(const std::unique_ptr<Loader> loader,
                  Loader::start(*job.validation, sampler, augment, loading));
  ConfusionMatrix confusion(static_cast<int>(session->output().desc.c()));
  std::vector<std::int32_t> prediction(static_cast<std::size_t>(augment.train_h * augment.train_w));
  for (std::int64_t i = 0; i < samples; ++i) {
    GRAPHRUN_ASSIGN(const Batch* const batch, loader->next());
    const TensorView input = session->input();
    std::copy_n(batch->image, input.desc.shape.count(), input.as<float>());
    GRAPHRUN_TRY(session->run());
    arg_max(session->output(), prediction);
    confusion.add(prediction, std::span<const std::int32_t>(batch->label, prediction.size()),
                  augment.ignore_label);
  }
  return confusion.metrics();
}

}  // namespace graphrun
