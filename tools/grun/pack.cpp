#include <fmt/format.h>

#include <optional>

#include "datasets/locate.h"
#include "runtime/labelling/protocol_json.h"
#include "runtime/weights/bundle.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/job_options.h"
#include "tools/grun/protocol_options.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/output.h"
#include "training/jobs/model_choice.h"
#include "training/run/resolve.h"

namespace graphrun::tools {
namespace {

struct PackOptions {
  CommonOptions common;
  training::SettingSources settings;
  ProtocolOptions protocol;
  std::string model;
  std::string weights;
  weights::TensorChoice choice;
  std::string dataset;
  std::string bundle;
};

// The model with class names and colours of the data set in the place of its own.
Result<std::shared_ptr<const model::Program>> with_classes(const model::Program& program,
                                                           const datasets::Descriptor& descriptor) {
  model::Model model = program.model();
  model.class_names.clear();
  model.palette.clear();
  for (const datasets::ClassInfo& info : descriptor.classes) {
    model.class_names.push_back(info.name);
    model.palette.insert(model.palette.end(), {info.color.r, info.color.g, info.color.b});
  }
  return model::Program::make(std::move(model), program.registry());
}

Status pack(PackOptions& options) {
  if (!options.bundle.ends_with(weights::kBundleSuffix))
    return {ErrorCode::usage,
            fmt::format("-o {}: a bundle's name ends in {}", options.bundle, weights::kBundleSuffix)};
  std::optional<datasets::Descriptor> descriptor;
  if (!options.dataset.empty()) {
    GRAPHRUN_ASSIGN(descriptor, datasets::find_descriptor(options.dataset));
  }
  const datasets::Descriptor* const known = descriptor ? &*descriptor : nullptr;
  GRAPHRUN_ASSIGN(const training::ModelChoice choice, training::choose_model(options.model, options.weights));
  GRAPHRUN_ASSIGN(const weights::ModelSource source, open_source(choice.model, options.common));
  GRAPHRUN_ASSIGN(options.settings.stored, training::stored_settings(source));
  GRAPHRUN_ASSIGN(options.settings.definitions, options.common.bindings());
  GRAPHRUN_ASSIGN(const training::SettingTable settings,
                  training::resolve_settings(source.program->model(), known, options.settings));
  GRAPHRUN_ASSIGN(const training::OwnProtocol own, training::labelling_protocol(source));
  GRAPHRUN_ASSIGN(const training::ResolvedProtocol protocol, options.protocol.resolve(settings, own));
  GRAPHRUN_ASSIGN(std::shared_ptr<const model::Program> program,
                  bind_program(*source.program, choice.model, options.common, known, &settings));
  if (known != nullptr) {
    GRAPHRUN_ASSIGN(program, with_classes(*program, *known));
  }
  CommonOptions in_f32 = options.common;
  in_f32.device = "cpu";
  in_f32.precision = "f32";
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, in_f32.backend());
  GRAPHRUN_ASSIGN(std::shared_ptr<const weights::TensorFile> file,
                  weights::open_weights(source, choice.weights, options.choice));
  GRAPHRUN_ASSIGN(
      const std::shared_ptr<weights::Weights> weights,
      weights::Weights::map(*program, file, backend).with_context(weights_path(source, choice.weights)));
  say_weights_note(options.common, file->note());
  say_weights_note(options.common, weights->note());
  GRAPHRUN_TRY(weights::pack({*program, *weights, labelling::protocol_json(protocol.settings),
                              source.metadata, options.common.compute_type()},
                             options.bundle));
  if (!options.common.quiet) print("{}\n", options.bundle);
  return {};
}

}  // namespace

void add_pack(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "pack", "one file of model, weights, classes, colours and protocol, which needs no --weights");
  const auto options = std::make_shared<PackOptions>();
  options->common.add_to(*command);
  hide(*command, {"--device", "--cache", "-v"});
  CLI::Option* const precision = command->get_option("--precision")
                                     ->description(
                                         "what weights of two and more axes are stored in; those that grun "
                                         "quantize made are stored as they are");
  *precision->get_validator() = CLI::IsMember({"f32", "bf16"});
  add_model(*command, options->model);
  add_weights(*command, options->weights, options->choice);
  command->add_option("--dataset", options->dataset,
                      "class names, colours and sizes; a run's model.fb has them");
  command->add_option("-o", options->bundle, "NAME.grun")->required();
  options->protocol.add_choice_to(*command);
  add_settings(*command, options->settings);
  command->callback([options, &outcome] { outcome.status = pack(*options); });
}

}  // namespace graphrun::tools
