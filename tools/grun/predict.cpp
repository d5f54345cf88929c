#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <optional>

#include "datasets/image_io.h"
#include "datasets/sample_list.h"
#include "tools/eval/options.h"
#include "tools/eval/pictures.h"
#include "tools/grun/commands.h"
#include "tools/support/common_options.h"
#include "tools/support/progress.h"
#include "tools/support/resolve.h"

namespace graphrun {
namespace {

namespace fs = std::filesystem;

struct PredictOptions {
  CommonOptions common;
  SettingSources settings;
  ProtocolOptions protocol;
  std::string model;
  std::vector<std::string> images;
  std::string weights;
  std::string dataset;
  std::string folder;
};

Result<std::vector<Color>> find_palette(const Model& model, const std::optional<Descriptor>& descriptor) {
  if (descriptor) return class_colors(descriptor->classes);
  if (model.palette.empty()) {
    return {ErrorCode::invalid_argument,
            "the model carries no class names and colours (a run's model.fb does): give --dataset"};
  }
  std::vector<Color> palette;
  for (std::size_t i = 0; i + 2 < model.palette.size(); i += 3) {
    palette.push_back({model.palette[i], model.palette[i + 1], model.palette[i + 2]});
  }
  return palette;
}

Status predict(const PredictOptions& options) {
  std::optional<Descriptor> descriptor;
  if (!options.dataset.empty()) {
    GRAPHRUN_ASSIGN(descriptor, find_descriptor(options.dataset));
  }
  const Descriptor* known = descriptor ? &*descriptor : nullptr;
  std::vector<std::string> names;
  for (const std::string& image : options.images) names.push_back(sample_name(image));
  GRAPHRUN_TRY(check_unique_names(names));
  GRAPHRUN_ASSIGN(const std::shared_ptr<const Program> unbound, open_program(options.model, options.common));
  GRAPHRUN_ASSIGN(const SettingTable settings, resolve_settings(unbound->model(), known, options.settings));
  GRAPHRUN_ASSIGN(const ProtocolSettings protocol_settings, options.protocol.resolve(settings));
  GRAPHRUN_ASSIGN(const std::shared_ptr<const Program> program,
                  open_program(options.model, options.common, known, &settings));
  GRAPHRUN_ASSIGN(std::vector<Color> palette, find_palette(program->model(), descriptor));
  GRAPHRUN_ASSIGN(const std::shared_ptr<Backend> backend, options.common.backend());
  GRAPHRUN_ASSIGN(const std::shared_ptr<Weights> weights, map_weights(*program, options.weights, backend));
  GRAPHRUN_ASSIGN(const std::unique_ptr<Protocol> protocol,
                  make_protocol(protocol_settings, program, weights));
  GRAPHRUN_ASSIGN(const PictureWriter pictures, PictureWriter::create(options.folder, std::move(palette)));
  Progress progress(stderr, options.common.quiet);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    GRAPHRUN_ASSIGN(const Image image, read_image(options.images[i]));
    GRAPHRUN_ASSIGN(const LabelMap map, protocol->label(image).in(options.images[i]));
    GRAPHRUN_TRY(pictures.write(names[i], image, map));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    progress.update(static_cast<std::int64_t>(i + 1), static_cast<std::int64_t>(names.size()), seconds,
                    fmt::format("{} {:.3f} s", names[i], seconds), true);
  }
  progress.line(fmt::format("{} label maps in {}", names.size(), options.folder));
  return {};
}

}  // namespace

void add_predict(CLI::App& app, Outcome& outcome) {
  CLI::App* command =
      app.add_subcommand("predict", "label images: class ids, colours, colours over the image");
  const auto options = std::make_shared<PredictOptions>();
  options->common.add_to(*command);
  command->add_option("model", options->model, "MODEL.fb")->required();
  command->add_option("images", options->images, "image files")->required();
  command->add_option("--weights", options->weights, ".safetensors or .pth")->required();
  command->add_option("--dataset", options->dataset, "colours and sizes; a run's model.fb has them");
  command->add_option("-o", options->folder, "folder of gray/, color/ and overlay/")->required();
  options->protocol.add_to(*command);
  command->add_option("--config", options->settings.configs, "settings, a JSON object")
      ->allow_extra_args(false);
  command->add_option("--set", options->settings.sets, "key=value: one setting")->allow_extra_args(false);
  command->callback([options, &outcome] { outcome.status = predict(*options); });
}

}  // namespace graphrun
