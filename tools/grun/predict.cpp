#include "training/jobs/predict.h"

#include <fmt/format.h>

#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/job_options.h"
#include "tools/grun/protocol_options.h"
#include "tools/terminal/output.h"
#include "tools/terminal/progress.h"

namespace graphrun::tools {
namespace {

struct PredictOptions {
  CommonOptions common;
  ProtocolOptions protocol;
  training::PredictRequest request;
};

class Terminal final : public training::PredictObserver {
 public:
  explicit Terminal(const CommonOptions& options) : options_(options), progress_(stderr, options.quiet) {}
  void starting(const training::PredictStart& start) override {
    start_ = start;
    if (options_.quiet) return;
    print("{} with {}: {} {}\n{}\n", start.model, start.weights, start.images.size(),
          start.images.size() == 1 ? "image" : "images", wrapped(start.protocol, kColumns));
  }
  void image(std::int64_t done, std::int64_t total, double seconds,
             const training::ConfusionMatrix*) override {
    const std::string name = start_.ranks > 1 ? "" : start_.images[static_cast<std::size_t>(done - 1)] + " ";
    progress_.update(done, total, seconds, fmt::format("{}{:.3f} s", name, seconds), true);
  }
  void rows(const std::string& file, std::int64_t done, std::int64_t total, double seconds) override {
    progress_.update(done, total, seconds, file, true);
  }
  void note(const training::Note& note) override { print_note(note, options_); }
  void cache_note(const std::string& text) override { say_cache_note(options_, text); }
  void done(const std::string& folder) {
    if (start_.images.empty()) return;  // another rank than the first
    progress_.line(fmt::format("{} label {} in {}", start_.images.size(),
                               start_.images.size() == 1 ? "map" : "maps", folder));
  }

 private:
  const CommonOptions& options_;
  Progress progress_;
  training::PredictStart start_;
};

Status predict(PredictOptions& options, Outcome& outcome) {
  training::PredictRequest& request = options.request;
  GRAPHRUN_ASSIGN(request.parameters, options.common.bindings());
  request.precision = options.common.compute_type();
  request.protocol = options.protocol;
  request.cache_folder = [&options] { return options.common.cache_folder(); };
  GRAPHRUN_ASSIGN(const training::Platform place, platform(options.common, outcome));
  Terminal terminal(options.common);
  GRAPHRUN_TRY(training::run_prediction(request, place, terminal));
  terminal.done(request.folder);
  return {};
}

}  // namespace

void add_predict(CLI::App& app, Outcome& outcome) {
  CLI::App* command =
      app.add_subcommand("predict", "label images: class ids, colours, colours over the image");
  const auto options = std::make_shared<PredictOptions>();
  training::PredictRequest& request = options->request;
  options->common.add_to(*command);
  add_model(*command, request.model);
  command->add_option("images", request.images, "image files, or folders of them")->required();
  add_weights(*command, request.weights, request.choice);
  command->add_option("--dataset", request.dataset, "colours and sizes; a run's model.fb has them");
  command->add_option("-o", request.folder, "folder of gray/, color/, overlay/ and others")->required();
  add_probability_files(*command, request.files);
  command->add_flag("--tiled", request.tiled,
                    "by windows, for images that do not fit memory: TIFF, PNG, JPEG; no overlay/");
  options->protocol.add_to(*command);
  add_settings(*command, request.settings);
  set_ranked_callback(*command, outcome, [options, &outcome] { return predict(*options, outcome); });
}

}  // namespace graphrun::tools
