#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "runtime/profiling/layer_costs.h"
#include "runtime/session/session.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/info_checkpoint.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/output.h"
#include "training/jobs/describe.h"
#include "training/jobs/memory_plan.h"
#include "training/run/resolve.h"

namespace graphrun::tools {
namespace {

struct InfoOptions {
  CommonOptions common;
  std::string model;  // or a checkpoint
  weights::TensorChoice choice;
  std::vector<std::int64_t> shape;  // empty: one crop of the model's settings
  std::string mode = "infer";
  std::int64_t accumulate = 1;
  std::int64_t fit = 0;  // bytes; 0: not asked

  bool trains() const { return mode == "train"; }
};

std::int64_t count_elements(const model::Program& program, VariableKind kind) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < program.model().variables.size(); ++i) {
    if (program.model().variables[i].kind == kind) count += program.variable_shape(i).count();
  }
  return count;
}

void print_variables(const model::Program& program) {
  print("variables\n");
  for (std::size_t i = 0; i < program.model().variables.size(); ++i) {
    const model::Variable& variable = program.model().variables[i];
    if (variable.kind != VariableKind::parameter && variable.kind != VariableKind::buffer) continue;
    print("  {:<60} {}{}\n", variable.name, to_string(program.variable_shape(i)),
          variable.kind == VariableKind::buffer ? " buffer" : "");
  }
}

void print_head(const model::Program& program) {
  const model::Model& model = program.model();
  print("{}\n", model.name);
  if (!model.doc.empty()) print("  {}\n", model.doc);
  print("graph parameters\n");
  for (const model::GraphParameter& parameter : model.parameters) {
    print("  {:<22} {:<10g}{} {}\n", parameter.name, parameter.value,
          parameter.structural ? "structural" : "late", parameter.doc);
  }
  print("methods\n");
  for (const model::Method& method : model.methods) {
    print("  {:<8} {} nodes\n", method.name, method.nodes.size());
  }
  for (const model::Requirement& requirement : model.requirements) {
    print("requires {} ({})\n", to_string(requirement.condition), requirement.because);
  }
}

void print_layers(const std::vector<profiling::LayerCost>& layers) {
  print("products in inference{:>58}\n", "output      GFLOP");
  for (const profiling::LayerCost& layer : layers) {
    print("  {:<48} {:>22} {:>9.3f}\n", layer.path, to_string(layer.output), layer.flops / 1e9);
  }
}

Result<Shape> shape_of(const InfoOptions& options, const model::Program& program,
                       const training::SettingTable& settings) {
  if (!options.shape.empty()) {
    GRAPHRUN_TRY(profiling::check_image_shape(program, options.shape));
    return Shape::make(options.shape);
  }
  constexpr std::int64_t kSide = 480;
  const auto value = [&](const char* name, std::int64_t otherwise) {
    return settings.has_value(name) ? settings.integer(name) : otherwise;
  };
  const bool trains = options.trains();
  GRAPHRUN_ASSIGN(const session::InputShapes image,
                  session::image_shapes(program, trains ? value("batch_size", 1) : 1,
                                        value(trains ? "train_h" : "test_h", kSide),
                                        value(trains ? "train_w" : "test_w", kSide)));
  return image.begin()->second;
}

void print_memory(const char* device, const session::TrainMemory& memory, bool with_scratch) {
  const std::int64_t total = memory.total() - (with_scratch ? 0 : memory.scratch);
  print("  {:<4}{:>9}: {} parameters, {} gradients, {} activations{}\n", device, size_text(total),
        size_text(memory.variables), size_text(memory.gradients), size_text(memory.activations),
        with_scratch ? fmt::format(", {} scratch", size_text(memory.scratch)) : "");
}

// A GPU's kernels take workspaces of their own, which are known on that GPU alone.
constexpr const char* kOfGpu =
    "       on a GPU come cuDNN's workspaces, which only that GPU can tell, and CUDA's own memory\n";

Status plan_training(const InfoOptions& options, const model::Program& program, const model::Backend& backend,
                     const Shape& shape) {
  const training::TrainingShape training{shape[0], shape[2], shape[3], options.accumulate,
                                         options.common.compute_type()};
  GRAPHRUN_ASSIGN(const session::TrainMemory memory, training::plan_training(program, backend, training));
  print("training     {}, {} in {} of {}: memory planned\n", to_string(shape), options.common.precision,
        options.accumulate == 1 ? "one part" : fmt::format("{} parts", options.accumulate),
        shape[0] / options.accumulate);
  print_memory("CPU", memory, true);
  print_memory("GPU", memory, false);
  print("{}", kOfGpu);
  return {};
}

// Room that is left on a GPU for what cannot be planned here.
constexpr std::int64_t kGpuReserve = 1500000000;

Status show_what_fits(const InfoOptions& options, const model::Program& program,
                      const model::Backend& backend, const Shape& shape) {
  const training::TrainingShape training{shape[0], shape[2], shape[3]};
  GRAPHRUN_ASSIGN(const std::vector<training::TrainingPlan> plans,
                  training::ways_to_train(program, backend, training));
  print("{} images of a step in {}:\n", shape[0], size_text(options.fit));
  print("  accumulate  images at once  precision        CPU                GPU\n");
  for (const training::TrainingPlan& plan : plans) {
    const std::int64_t cpu = plan.memory.total();
    const std::int64_t gpu = cpu - plan.memory.scratch;
    const auto verdict = [&](std::int64_t bytes) { return bytes <= options.fit ? "fits" : "no"; };
    print("  {:>10}  {:>14}  {:<9} {:>9} {:<4} {:>13} {:<4}\n", plan.shape.parts,
          plan.shape.images / plan.shape.parts, to_string(plan.shape.precision), size_text(cpu), verdict(cpu),
          size_text(gpu), verdict(gpu + kGpuReserve));
  }
  print("  of the GPU {} are left for cuDNN's workspaces and CUDA's own memory\n", size_text(kGpuReserve));
  return {};
}

Status info(const InfoOptions& options) {
  if (!options.trains() && (options.fit > 0 || options.accumulate > 1))
    return {ErrorCode::usage, "--fit and --accumulate are of --mode train"};
  std::error_code ignored;
  if (std::filesystem::is_directory(options.model, ignored)) {
    GRAPHRUN_ASSIGN(const std::string run, training::describe_run(options.model));
    print("{}", run);
  } else {
    GRAPHRUN_ASSIGN(const bool of_tensors, is_checkpoint(options.model));
    if (of_tensors) return print_checkpoint(options.model, options.choice, options.common);
  }
  GRAPHRUN_ASSIGN(const std::shared_ptr<const model::Program> unbound,
                  open_program(options.model, options.common));
  GRAPHRUN_ASSIGN(const training::SettingTable settings,
                  training::resolve_settings(unbound->model(), nullptr, {}));
  GRAPHRUN_ASSIGN(const Shape shape, shape_of(options, *unbound, settings));
  GRAPHRUN_ASSIGN(const std::shared_ptr<const model::Program> program,
                  bind_program(*unbound, options.model, options.common, nullptr, &settings));
  GRAPHRUN_ASSIGN(const std::vector<profiling::LayerCost> layers, profiling::eval_layers(*program, shape));
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, options.common.backend());
  if (options.fit > 0) return show_what_fits(options, *program, *backend, shape);
  if (options.trains()) return plan_training(options, *program, *backend, shape);
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
  print("parameters   {:.3f} M\n",
        static_cast<double>(count_elements(*program, VariableKind::parameter)) / 1e6);
  print("buffers      {:.3f} M\n", static_cast<double>(count_elements(*program, VariableKind::buffer)) / 1e6);
  print("inference    {}: {:.1f} GFLOP of products (2 for a multiplication with its addition)\n",
        to_string(shape), flops / 1e9);
  print("memory       {} of activations and scratch, planned\n", size_text(session->arena_bytes()));
  return {};
}

}  // namespace

void add_info(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand("info",
                                         "layers, parameters, FLOPs and planned memory of a model; how far a "
                                         "run has come; what is in a checkpoint");
  const auto options = std::make_shared<InfoOptions>();
  options->common.add_to(*command);
  hide(*command, {"--cache"});
  command->add_option("model", options->model, "MODEL.fb, a bundle, the folder of a run, or a checkpoint")
      ->required();
  add_tensor_choice(*command, options->choice);
  command->add_option("--shape", options->shape, "N,C,H,W of the image; one crop if not given")
      ->delimiter(',');
  command->add_option("--mode", options->mode, "infer, or train: the memory of a training step")
      ->check(CLI::IsMember({"infer", "train"}))
      ->capture_default_str();
  command->add_option("--accumulate", options->accumulate, "parts of the batch, as the setting of that name")
      ->check(whole_number(1));
  add_bytes(*command, "--fit", options->fit,
            "such as 24GB: which ways to train the batch of --shape fit in it");
  command->callback([options, &outcome] { outcome.status = info(*options); });
}

}  // namespace graphrun::tools
