#include <fmt/format.h>

#include <memory>

#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/job_options.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/output.h"
#include "training/jobs/quantise.h"

namespace graphrun::tools {
namespace {

struct QuantizeOptions {
  CommonOptions common;
  training::QuantiseRequest request;
};

class Terminal final : public training::QuantiseObserver {
 public:
  explicit Terminal(const CommonOptions& options) : options_(options) {}
  void note(const training::Note& note) override { print_note(note, options_); }
  void stage(const std::string& what) override {
    if (!options_.quiet) say("{}", what);
  }

 private:
  const CommonOptions& options_;
};

Status quantize(QuantizeOptions& options, Outcome& outcome) {
  GRAPHRUN_ASSIGN(options.request.parameters, options.common.bindings());
  Terminal terminal(options.common);
  GRAPHRUN_ASSIGN(const training::Platform place, platform(options.common, outcome));
  GRAPHRUN_ASSIGN(const training::QuantiseOutcome result,
                  training::run_quantisation(options.request, place, terminal));
  if (!options.common.quiet) {
    print("{:<60} {:>11}  {}\n", "layer", "sensitivity", "stored");
    for (const training::QuantisedLayerRow& row : result.layers)
      print("{:<60} {:>11.2e}  {}{}\n", row.path, row.sensitivity, row.wide ? "bf16" : "s8",
            row.computed_wide && !row.wide ? ", computed wide" : "");
  }
  print("{} images: mIoU {:.4f} in f32, {:.4f} in int8; {} of weights instead of {}, in {}\n", result.images,
        result.wide_iou, result.iou, size_text(result.bytes), size_text(result.f32_bytes),
        options.request.file);
  if (!result.within)
    say("warning: the mean IoU drops by more than {} with nearly all layers wide", options.request.max_drop);
  return {};
}

}  // namespace

void add_quantize(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "quantize", "weights and activations in 8 bits, by images of a data set; for --precision int8");
  const auto options = std::make_shared<QuantizeOptions>();
  training::QuantiseRequest& request = options->request;
  options->common.add_to(*command);
  hide(*command, {"--device", "--precision", "--cache", "-v"});
  add_model(*command, request.model);
  add_weights(*command, request.weights, request.choice);
  add_data_options(*command, request.data.name, request.data.root);
  command->get_option("--dataset")->required();
  command->add_option("--split", request.split, "which split the images are of")->capture_default_str();
  command->add_option("--images", request.images, "how many, spread over the split")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command
      ->add_option("--max-drop", request.max_drop,
                   "of the mean IoU on these images; layers that lose most stay wide until it holds")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  add_settings(*command, request.settings);
  command->add_option("-o", request.file, "OUT.safetensors")->required();
  command->callback([options, &outcome] { outcome.status = quantize(*options, outcome); });
}

}  // namespace graphrun::tools
