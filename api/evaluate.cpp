#include "graphrun/evaluate.h"

#include <utility>

#include "api/job.h"
#include "runtime/core/guard.h"
#include "training/jobs/eval.h"

namespace graphrun {

EvaluateObserver::~EvaluateObserver() = default;
void EvaluateObserver::note(const std::string&) {}
void EvaluateObserver::image(std::int64_t, std::int64_t, double) {}

namespace {

class Course final : public training::EvalJobObserver {
 public:
  explicit Course(EvaluateObserver& observer) : observer_(observer) {}
  void starting(const training::EvalStart&) override {}
  void planned(const labelling::EvaluationMemory&) override {}
  void note(const training::Note& note) override { observer_.note(note.text); }
  void image(std::int64_t done, std::int64_t total, double seconds,
             const training::ConfusionMatrix*) override {
    observer_.image(done, total, seconds);
  }

 private:
  EvaluateObserver& observer_;
};

Result<training::EvalRequest> request_of(const EvaluateOptions& options) {
  if (!options.model.empty() && !options.run.empty())
    return {ErrorCode::invalid_argument, "`model` and `run` exclude each other: give one of them"};
  if (!options.protocol.empty() && options.protocol != "slide" && options.protocol != "whole")
    return {ErrorCode::invalid_argument, "protocol " + options.protocol + ": expected slide or whole"};
  GRAPHRUN_ASSIGN(auto request, api::begin_request<training::EvalRequest>(options, true));
  request.run = options.run;
  request.split = options.split;
  request.protocol.protocol = options.protocol;
  request.protocol.scales = options.scales;
  request.protocol.flip = options.flip.value_or(false);
  request.protocol.no_flip = !options.flip.value_or(true);
  request.protocol.batch = options.batch;
  request.protocol.memory_limit = options.memory_limit;
  request.pictures = options.pictures;
  request.label_ids = options.label_ids;
  request.files = {options.confidence, options.probabilities, options.threshold, options.unsure};
  request.fit_temperature = options.fit_temperature;
  request.boundaries = options.boundaries;
  request.compare = options.compare;
  request.predictions = options.predictions;
  request.predictions_as =
      options.predictions_are_label_ids ? training::PredictionIds::labels : training::PredictionIds::classes;
  return request;
}

Evaluation evaluation_of(const training::EvalOutcome& outcome) {
  Evaluation result;
  result.folder = outcome.folder.string();
  result.images = outcome.images;
  result.scored = outcome.metrics.has_value();
  if (!result.scored) return result;
  const training::Metrics& metrics = *outcome.metrics;
  result.mean_iou = metrics.mean_iou;
  result.mean_accuracy = metrics.mean_accuracy;
  result.accuracy = metrics.accuracy;
  result.calibration_error = outcome.calibration_error;
  result.temperature = outcome.temperature;
  for (std::size_t c = 0; c < outcome.classes.size(); ++c)
    result.classes.push_back({outcome.classes[c].name, metrics.classes[c].iou, metrics.classes[c].accuracy});
  return result;
}

}  // namespace

Result<Evaluation> evaluate(const EvaluateOptions& options, EvaluateObserver* observer,
                            const StopToken& stop) try {
  GRAPHRUN_ASSIGN(const training::EvalRequest request, request_of(options));
  GRAPHRUN_ASSIGN(api::JobPlace place, api::place_of(options));
  std::vector<std::string> notes;
  EvaluateObserver silent;
  EvaluateObserver& hears = observer == nullptr ? silent : *observer;
  Course course(hears);
  const Result<training::EvalOutcome> outcome =
      training::run_evaluation(request, api::platform(place, notes), course, stop);
  for (const std::string& text : notes) hears.note(text);
  if (!outcome.ok()) return api::without_usage(outcome.status());
  return evaluation_of(*outcome);
} catch (...) {
  return core::caught();
}

}  // namespace graphrun
