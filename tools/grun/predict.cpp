#include "training/jobs/predict.h"

#include <fmt/format.h>

#include <algorithm>

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
    print("{} with {}: {}\n{}\n", start.model, start.weights, what(), wrapped(start.protocol, kColumns));
  }
  void image(std::int64_t done, std::int64_t total, double seconds,
             const training::ConfusionMatrix*) override {
    const std::string name = start_.ranks > 1 ? "" : start_.images[static_cast<std::size_t>(done - 1)] + " ";
    progress_.update(done, total, seconds, fmt::format("{}{:.3f} s", name, seconds), true);
  }
  void part(const std::string& file, std::int64_t done, std::int64_t total, double seconds) override {
    progress_.update(done, std::max(done, total), seconds, file, true);
  }
  void note(const training::Note& note) override { print_note(note, options_); }
  void cache_note(const std::string& text) override { say_cache_note(options_, text); }
  void done(const std::string& folder) {
    if (start_.model.empty()) return;  // another rank than the first
    const std::string maps = counted(start_.images.size(), "label map");
    progress_.line(fmt::format("{} in {}", start_.videos == 0 ? maps : "labels of " + what(), folder));
  }

 private:
  static std::string counted(std::size_t count, const char* one) {
    return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
  }
  std::string what() const {
    if (start_.videos == 0) return counted(start_.images.size(), "image");
    const std::string videos = counted(start_.videos, "video");
    return start_.images.empty() ? videos : counted(start_.images.size(), "image") + " and " + videos;
  }

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
  command->add_option("images", request.images, "image files, or folders of them");
  command->add_option("--video", request.videos,
                      "videos: gray/ of each frame, overlay/NAME.mp4; needs FFmpeg");
  command->add_option("--smooth", request.smoothing, "of videos: weight of the frames before, 0 to below 1")
      ->check(CLI::Range(0.0, 0.999));
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
