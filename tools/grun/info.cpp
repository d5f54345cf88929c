#include <fmt/format.h>

#include <algorithm>

#include "runtime/profiling/layer_costs.h"
#include "runtime/session/session.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/info_checkpoint.h"
#include "training/run/resolve.h"

namespace graphrun::tools {
namespace {

struct InfoOptions {
  CommonOptions common;
  std::string model;  // or a checkpoint
  weights::TensorChoice choice;
  std::vector<std::int64_t> shape;  // empty: one crop of the model's settings
};

std::int64_t count_elements(const model::Program& program, VariableKind kind) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < program.model().variables.size(); ++i) {
    if (program.model().variables[i].kind == kind) count += program.variable_shape(i).count();
  }
  return count;
}

void print_variables(const model::Program& program) {
  fmt::print("variables\n");
  for (std::size_t i = 0; i < program.model().variables.size(); ++i) {
    const model::Variable& variable = program.model().variables[i];
    if (variable.kind != VariableKind::parameter && variable.kind != VariableKind::buffer) continue;
    fmt::print("  {:<60} {}{}\n", variable.name, to_string(program.variable_shape(i)),
               variable.kind == VariableKind::buffer ? " buffer" : "");
  }
}

void print_head(const model::Program& program) {
  const model::Model& model = program.model();
  fmt::print("{}\n", model.name);
  if (!model.doc.empty()) fmt::print("  {}\n", model.doc);
  fmt::print("graph parameters\n");
  for (const model::GraphParameter& parameter : model.parameters) {
    fmt::print("  {:<22} {:<10g}{} {}\n", parameter.name, parameter.value,
               parameter.structural ? "structural" : "late", parameter.doc);
  }
  fmt::print("methods\n");
  for (const model::Method& method : model.methods) {
    fmt::print("  {:<8} {} nodes\n", method.name, method.nodes.size());
  }
  for (const model::Requirement& requirement : model.requirements) {
    fmt::print("requires {} ({})\n", to_string(requirement.condition), requirement.because);
  }
}

void print_layers(const std::vector<profiling::LayerCost>& layers) {
  fmt::print("products in inference{:>58}\n", "output      GFLOP");
  for (const profiling::LayerCost& layer : layers) {
    fmt::print("  {:<48} {:>22} {:>9.3f}\n", layer.path, to_string(layer.output), layer.flops / 1e9);
  }
}

Result<Shape> shape_of(const InfoOptions& options, const model::Program& program,
                       const training::SettingTable& settings) {
  if (!options.shape.empty()) {
    GRAPHRUN_TRY(profiling::check_image_shape(program, options.shape));
    return Shape::make(options.shape);
  }
  constexpr std::int64_t kSide = 480;
  const auto side = [&](const char* name) {
    return settings.has_value(name) ? settings.integer(name) : kSide;
  };
  GRAPHRUN_ASSIGN(const session::InputShapes image,
                  session::image_shapes(program, 1, side("test_h"), side("test_w")));
  return image.begin()->second;
}

Status info(const InfoOptions& options) {
  GRAPHRUN_ASSIGN(const bool of_tensors, is_checkpoint(options.model));
  if (of_tensors) return print_checkpoint(options.model, options.choice, options.common);
  GRAPHRUN_ASSIGN(const std::shared_ptr<const model::Program> unbound,
                  open_program(options.model, options.common));
  GRAPHRUN_ASSIGN(const training::SettingTable settings,
                  training::resolve_settings(unbound->model(), nullptr, {}));
  GRAPHRUN_ASSIGN(const Shape shape, shape_of(options, *unbound, settings));
  GRAPHRUN_ASSIGN(const std::shared_ptr<const model::Program> program,
                  bind_program(*unbound, options.model, options.common, nullptr, &settings));
  GRAPHRUN_ASSIGN(const std::vector<profiling::LayerCost> layers, profiling::eval_layers(*program, shape));
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, options.common.backend());
  GRAPHRUN_ASSIGN(const std::shared_ptr<weights::Weights> weights,
                  weights::Weights::initialise(*program, 0, backend));
  GRAPHRUN_ASSIGN(
      const std::unique_ptr<session::Session> session,
      session::Session::create(
          program, weights,
          {.n = shape[0], .h = shape[2], .w = shape[3], .precision = options.common.compute_type()}));
  if (!options.common.quiet) {
    print_head(*program);
    print_layers(layers);
  }
  if (options.common.verbose) print_variables(*program);
  double flops = 0;
  for (const profiling::LayerCost& layer : layers) flops += layer.flops;
  fmt::print("parameters   {:.3f} M\n",
             static_cast<double>(count_elements(*program, VariableKind::parameter)) / 1e6);
  fmt::print("buffers      {:.3f} M\n",
             static_cast<double>(count_elements(*program, VariableKind::buffer)) / 1e6);
  fmt::print("inference    {}: {:.1f} GFLOP of products (2 for a multiplication with its addition)\n",
             to_string(shape), flops / 1e9);
  fmt::print("memory       {:.1f} MB of activations and scratch, planned\n",
             static_cast<double>(session->arena_bytes()) / 1e6);
  return {};
}

}  // namespace

void add_info(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "info", "layers, parameters, FLOPs and planned memory of a model; what is in a checkpoint");
  const auto options = std::make_shared<InfoOptions>();
  options->common.add_to(*command);
  command->add_option("model", options->model, "MODEL.fb, a bundle, or a checkpoint")->required();
  add_tensor_choice(*command, options->choice);
  command->add_option("--shape", options->shape, "N,C,H,W of the image; one crop if not given")
      ->delimiter(',');
  command->callback([options, &outcome] { outcome.status = info(*options); });
}

}  // namespace graphrun::tools
