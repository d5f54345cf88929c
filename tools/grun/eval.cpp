#include <fmt/format.h>

#include <memory>

#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/job_options.h"
#include "tools/grun/protocol_options.h"
#include "tools/terminal/output.h"
#include "tools/terminal/progress.h"
#include "training/jobs/eval.h"
#include "training/jobs/ranks.h"

namespace graphrun::tools {
namespace {

struct EvalOptions {
  CommonOptions common;
  ProtocolOptions protocol;
  training::EvalRequest request;
  std::string predictions_as = "class";
  bool no_pictures = false;
};

class Terminal final : public training::EvalJobObserver {
 public:
  Terminal(const CommonOptions& options, bool scores)
      : options_(options), scores_(scores), progress_(stderr, options.quiet) {}
  void starting(const training::EvalStart& start) override {
    if (options_.quiet) return;
    print("{} with {}\non {}/{}: {} images, {}{} thread{}\n{}\n", start.model, start.weights, start.dataset,
          start.split, start.images,
          start.comm > 1 ? fmt::format("{} ranks, the first with ", start.comm) : "", start.threads,
          start.threads == 1 ? "" : "s", wrapped(start.protocol, kColumns));
  }
  void planned(const labelling::EvaluationMemory& memory) override {
    if (options_.quiet) return;
    print(
        "images up to {} x {}; {} of memory planned:\n  {} activations, {} prepared weights, {} "
        "probabilities, {} pictures\n",
        memory.largest.width, memory.largest.height, size_text(memory.total()), size_text(memory.activations),
        size_text(memory.packed), size_text(memory.probabilities), size_text(memory.pictures));
  }
  // Predictions that count as wrong are part of the result.
  void note(const training::Note& note) override { print_note(note, scores_ ? CommonOptions() : options_); }
  void image(std::int64_t done, std::int64_t total, double seconds,
             const training::ConfusionMatrix* so_far) override {
    constexpr std::int64_t kEvery = 10;
    const bool due = done / kEvery > done_ / kEvery || done == total;
    done_ = done;
    std::string text = fmt::format("{:.3f} s", seconds);
    if (so_far != nullptr) {
      const training::Metrics metrics = so_far->metrics();
      text += fmt::format(" mIoU {:.4f} accuracy {:.4f}", metrics.mean_iou, metrics.accuracy);
    }
    progress_.update(done, total, seconds, text, due);
  }

 private:
  const CommonOptions& options_;
  bool scores_;  // saved predictions
  Progress progress_;
  std::int64_t done_ = 0;
};

void report(const EvalOptions& options, const training::EvalOutcome& outcome) {
  if (!outcome.metrics) {
    print("{} images without labels, in {}\n", outcome.images, outcome.folder.string());
    return;
  }
  const training::Metrics& metrics = *outcome.metrics;
  for (std::size_t c = 0; c < outcome.classes.size() && !options.common.quiet; ++c) {
    print("{:>4} {:<24} iou {:.4f} accuracy {:.4f}\n", c, outcome.classes[c].name, metrics.classes[c].iou,
          metrics.classes[c].accuracy);
  }
  print("{} images: mIoU {:.4f} mAcc {:.4f} aAcc {:.4f}, in {}\n", outcome.images, metrics.mean_iou,
        metrics.mean_accuracy, metrics.accuracy, outcome.folder.string());
  if (outcome.calibration_error) print("expected calibration error {:.4f}\n", *outcome.calibration_error);
  if (outcome.temperature) print("temperature {:.4f}, stored in the run's model\n", *outcome.temperature);
  if (outcome.comparison) print("{}", training::describe(*outcome.comparison, outcome.classes));
}

Status evaluate(EvalOptions& options, Outcome& outcome) {
  training::EvalRequest& request = options.request;
  const bool scores = !request.predictions.empty();
  // Scoring is work for one: other ranks have nothing to do.
  if (scores && training::launched_rank() > 0) return {};
  GRAPHRUN_ASSIGN(request.parameters, options.common.bindings());
  request.precision = options.common.compute_type();
  request.protocol = options.protocol;
  request.pictures = !options.no_pictures;
  request.predictions_as =
      options.predictions_as == "label" ? training::PredictionIds::labels : training::PredictionIds::classes;
  Terminal terminal(options.common, scores);
  GRAPHRUN_ASSIGN(const training::Platform place, platform(options.common, outcome));
  GRAPHRUN_ASSIGN(const training::EvalOutcome result, training::run_evaluation(request, place, terminal));
  if (outcome.comm != nullptr && outcome.comm->rank() > 0) return {};
  if (options.common.verbose && !scores) {
    print("label maps: {:.3f} s, of these network {:.3f} s, binding sizes {:.3f} s\n", result.seconds,
          result.protocol.network, result.protocol.binding);
  }
  report(options, result);
  return {};
}

}  // namespace

void add_eval(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "eval",
      "label and score a split; without MODEL.fb the newest run: its model, data set, last checkpoint");
  const auto options = std::make_shared<EvalOptions>();
  training::EvalRequest& request = options->request;
  options->common.add_to(*command);
  CLI::Option* model = command->add_option("model", request.model, "MODEL.fb, or a bundle");
  command->add_option("--run", request.run, "a run's folder instead of exp/latest")->excludes(model);
  command->add_option("--weights", request.weights, ".safetensors or .pth; best: the run's by validation");
  add_tensor_choice(*command, request.choice);
  add_data_options(*command, request.data.name, request.data.root);
  command->add_option("--split", request.split, "which split")->capture_default_str();
  options->protocol.add_to(*command);
  add_settings(*command, request.settings);
  command->add_option("-o", request.folder, "folder of the results; in the run's folder, or ./eval");
  CLI::Option* none = command->add_flag("--no-pictures", options->no_pictures, "metrics.json alone");
  command
      ->add_flag("--label-ids", request.label_ids,
                 "also label/NAME.png in the data set's own label ids, as results are submitted")
      ->excludes(none);
  add_probability_files(*command, request.files);
  command->add_flag("--fit-temperature", request.fit_temperature,
                    "stores in the run's model how its probabilities are made those of the labels");
  CLI::Option* predictions = command->add_option("--predictions", request.predictions,
                                                 "score these saved PNGs, without a network and images");
  for (const char* of_network :
       {"--confidence", "--probabilities", "--threshold", "--fit-temperature", "model", "--weights",
        "--protocol", "--scales", "--ms", "--no-flip", "--batch", "--sessions", "--memory-limit",
        "--precision", "-D", "--ops", "--label-ids"}) {
    predictions->excludes(command->get_option(of_network));
  }
  command
      ->add_option("--predictions-as", options->predictions_as,
                   "what is in them: class ids from 0, or the data set's label ids")
      ->check(CLI::IsMember({"class", "label"}))
      ->needs(predictions)
      ->capture_default_str();
  command->add_flag("--boundary", request.boundaries, "boundary IoU of each class too");
  command->add_option("--compare", request.compare,
                      "a metrics.json, or a run's folder: by how much the results differ, image by image");
  set_ranked_callback(*command, outcome, [options, &outcome] { return evaluate(*options, outcome); });
}

}  // namespace graphrun::tools
