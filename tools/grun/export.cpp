#include "exchange/onnx/write.h"
#include "exchange/to_onnx/to_onnx.h"
#include "runtime/profiling/layer_costs.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/output.h"
#include "training/jobs/model_choice.h"
#include "training/jobs/protocol_choice.h"
#include "training/run/resolve.h"

namespace graphrun::tools {
namespace {

using exchange::to_onnx::OutputKind;

struct ExportOptions {
  CommonOptions common;
  std::string model;
  std::string weights;
  weights::TensorChoice choice;
  std::string file;
  std::vector<std::int64_t> shape;  // empty: one crop of the model's settings
  bool dynamic = false;
  std::string output = "logits";
  bool pixels = false;
  bool eight_bits = false;
  std::int64_t opset = exchange::to_onnx::kOpset;
};

OutputKind output_of(std::string_view name) {
  if (name == "classes") return OutputKind::classes;
  return name == "probabilities" ? OutputKind::probabilities : OutputKind::logits;
}

// The image that the exported model takes.
Result<session::InputShapes> image_of(const ExportOptions& options, const weights::ModelSource& source) {
  const model::Program& program = *source.program;
  if (!options.shape.empty()) {
    GRAPHRUN_TRY(profiling::check_image_shape(program, options.shape));
    return session::image_shapes(program, options.shape[0], options.shape[2], options.shape[3]);
  }
  training::SettingSources sources;
  GRAPHRUN_ASSIGN(sources.stored, training::stored_settings(source));
  GRAPHRUN_ASSIGN(const training::SettingTable settings,
                  training::resolve_settings(program.model(), nullptr, sources));
  if (!settings.has_value("test_h") || !settings.has_value("test_w"))
    return {ErrorCode::usage, "the model says nothing of its size: give --shape N,C,H,W or --dynamic"};
  return session::image_shapes(program, 1, settings.integer("test_h"), settings.integer("test_w"));
}

Status export_model(const ExportOptions& options) {
  if (options.dynamic && !options.shape.empty())
    return {ErrorCode::usage, "--shape fixes the size that --dynamic leaves open: give one of them"};
  GRAPHRUN_ASSIGN(const training::ModelChoice choice, training::choose_model(options.model, options.weights));
  GRAPHRUN_ASSIGN(const weights::ModelSource source, open_source(choice.model, options.common));
  exchange::to_onnx::Options translation{.shapes = {},
                                         .output = output_of(options.output),
                                         .pixels = options.pixels,
                                         .eight_bits = options.eight_bits};
  if (!options.dynamic) {
    GRAPHRUN_ASSIGN(translation.shapes, image_of(options, source));
  }
  GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                  weights::open_weights(source, choice.weights, options.choice));
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, options.common.backend());
  GRAPHRUN_ASSIGN(const std::shared_ptr<weights::Weights> weights,
                  weights::Weights::map(*source.program, file, backend)
                      .with_context(weights_path(source, choice.weights)));
  say_weights_note(options.common, file->note());
  say_weights_note(options.common, weights->note());
  GRAPHRUN_ASSIGN(const exchange::onnx::Model model,
                  exchange::to_onnx::translate(*source.program, *weights, translation));
  GRAPHRUN_TRY(exchange::onnx::write_model(model, options.file));
  if (!options.common.quiet) print("{}: {} nodes\n", options.file, model.graph.nodes.size());
  return {};
}

}  // namespace

void add_export(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand("export", "the network as one ONNX file");
  const auto options = std::make_shared<ExportOptions>();
  options->common.add_to(*command);
  hide(*command, {"--device", "--threads", "--cache", "-v"});
  command->get_option("--precision")
      ->check(CLI::IsMember({"f32", "int8"}))
      ->description("f32, or int8, of weights that grun quantize made: QuantizeLinear and DequantizeLinear");
  add_model(*command, options->model);
  add_weights(*command, options->weights, options->choice);
  command->add_option("-o", options->file, "NET.onnx")->required();
  command->add_option("--shape", options->shape, "N,C,H,W of the image; one crop if not given")
      ->delimiter(',');
  command->add_flag("--dynamic", options->dynamic, "images of any number and size that the model takes");
  command->add_option("--output", options->output, "logits, classes (of each pixel), or probabilities")
      ->check(CLI::IsMember({"logits", "classes", "probabilities"}))
      ->capture_default_str();
  command->add_flag("--pixels", options->pixels,
                    "the image comes as it is stored, N,H,W,C in bytes; the graph normalises it");
  command->add_option("--opset", options->opset, "version of ONNX's ops")
      ->check(CLI::IsMember({exchange::to_onnx::kOpset}))
      ->capture_default_str();
  command->callback([options, &outcome] {
    CommonOptions& common = options->common;
    common.device = "cpu";
    options->eight_bits = common.precision == "int8";
    common.precision = "f32";
    outcome.status = export_model(*options);
  });
}

}  // namespace graphrun::tools
