#include <cmath>

#include "training/report/chart.h"
#include "training/report/html.h"
#include "training/report/sections.h"

namespace graphrun::training {
namespace {

template <class Get>
std::vector<Point> by_step(const std::vector<StepFact>& steps, const Get& get) {
  std::vector<Point> points;
  points.reserve(steps.size());
  for (const StepFact& step : steps) points.push_back({step.iteration, get(step)});
  return points;
}

template <class Get>
std::vector<Point> by_epoch(const std::vector<EpochFact>& epochs, const Get& get, bool over_iterations) {
  std::vector<Point> points;
  for (const EpochFact& epoch : epochs) {
    if (const std::optional<double> value = get(epoch))
      points.push_back({over_iterations ? epoch.iteration : epoch.epoch, *value});
  }
  return points;
}

double batch_size(const RunFacts& run) {
  const auto found = run.settings.find("batch_size");
  return found == run.settings.end() ? std::nan("") : std::strtod(found->second.value.c_str(), nullptr);
}

}  // namespace

std::string curves_section(const RunFacts& run, const std::vector<StepFact>& steps) {
  const bool few_epochs = run.epochs.size() <= 60;
  std::string html =
      line_chart({.title = "Loss",
                  .x_label = "iteration",
                  .y_label = "cross entropy",
                  .series = {{"training, by iteration",
                              by_step(steps, [](const StepFact& s) { return s.main_loss; }), false, true},
                             {"training, mean of an epoch",
                              by_epoch(
                                  run.epochs, [](auto& e) { return e.train_loss; }, true),
                              few_epochs},
                             {"validation",
                              by_epoch(
                                  run.epochs, [](auto& e) { return e.val_loss; }, true),
                              few_epochs}}});
  html += line_chart({.title = "Mean IoU",
                      .x_label = "epoch",
                      .y_label = "mIoU",
                      .series = {{"training batches",
                                  by_epoch(
                                      run.epochs, [](auto& e) { return e.train_iou; }, false),
                                  few_epochs},
                                 {"validation (centre crops)",
                                  by_epoch(
                                      run.epochs, [](auto& e) { return e.val_iou; }, false),
                                  few_epochs}}});
  html += line_chart({.title = "Learning rate",
                      .x_label = "iteration",
                      .y_label = "learning rate",
                      .series = {{"learning rate", by_step(steps, [](const StepFact& s) { return s.lr; })}}});
  const double batch = batch_size(run);
  html += line_chart({.title = "Speed",
                      .x_label = "iteration",
                      .y_label = "images/s",
                      .series = {{"training, loading included", by_step(steps, [&](const StepFact& s) {
                                    return batch / (s.data_s + s.step_s);
                                  })}}});
  return html.empty() ? html : section("curves", "Training", "<div class=\"charts\">\n" + html + "</div>\n");
}

}  // namespace graphrun::training
