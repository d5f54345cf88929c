#include <algorithm>
#include <map>
#include <span>

#include "runtime/session/session.h"
#include "runtime/weights/npy.h"
#include "runtime/weights/packed_weights_folder.h"
#include "runtime/weights/value_check.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "training/jobs/model_choice.h"

namespace graphrun::tools {
namespace {

struct RunOptions {
  CommonOptions common;
  std::string model;
  std::string weights;
  weights::TensorChoice choice;
  std::vector<std::string> inputs;
  std::string output;
  bool parts = false;
};

// "name=path", or "path" of what has the role.
Result<std::pair<std::string, std::string>> split_name(const std::string& text, const model::Port* port,
                                                       std::string_view kind) {
  const std::size_t equals = text.find('=');
  if (equals != std::string::npos) return std::pair(text.substr(0, equals), text.substr(equals + 1));
  if (port != nullptr) return std::pair(port->name, text);
  return {ErrorCode::usage,
          text + ": the model says of none of its " + std::string(kind) + "s what it is for: give name=file"};
}

// Whether the element type, the rank and every extent that does not depend on sizes are those of the input.
bool fits(const model::Model& model, const model::Input& input, const TensorDesc& desc) {
  if (desc.dtype != input.dtype || desc.shape.rank() != static_cast<int>(input.shape.size())) return false;
  for (int axis = 0; axis < desc.shape.rank(); ++axis) {
    const auto extent = evaluate_dim(input.shape[static_cast<std::size_t>(axis)], model.parameter_values());
    if (extent.ok() && !(*extent == Dim(desc.shape[axis]))) return false;
  }
  return true;
}

// A rectifier turns NaN into 0: an output that looks right would come of it.
Status check_input(const TensorView& view, const std::string& path) {
  if (view.desc.dtype != DType::f32) return {};
  const std::span values(view.as<const float>(), static_cast<std::size_t>(view.desc.shape.count()));
  const std::string what = weights::first_nonfinite(view.desc.shape, values);
  return what.empty() ? Status() : Status(ErrorCode::invalid_file, path + ": the input is " + what);
}

// Tensors by the names of the inputs that they are for.
Result<std::map<std::string, weights::NpyArray>> read_inputs(const RunOptions& options,
                                                             const model::Model& model) {
  std::map<std::string, weights::NpyArray> arrays;
  for (const std::string& text : options.inputs) {
    GRAPHRUN_ASSIGN(const auto named, split_name(text, model.signature.input(model::roles::kImage), "input"));
    const auto& [name, path] = named;
    const auto input = std::ranges::find(model.inputs, name, &model::Input::name);
    if (input == model.inputs.end()) {
      std::vector<std::string_view> names;
      for (const model::Input& known : model.inputs) names.push_back(known.name);
      const std::string near = nearest_name(name, names);
      return {ErrorCode::usage, "--input: the model has no input \"" + name + "\"" +
                                    (near.empty() ? "" : "; did you mean \"" + near + "\"?")};
    }
    GRAPHRUN_ASSIGN(weights::NpyArray array, weights::read_npy(path));
    if (!fits(model, *input, array.desc)) {
      return {ErrorCode::shape, path + ": expected " + std::string(to_string(input->dtype)) + " " +
                                    session::declared_shape(model, *input) + ", got " +
                                    std::string(to_string(array.desc.dtype)) + " " +
                                    to_string(array.desc.shape)};
    }
    GRAPHRUN_TRY(check_input(array.view(), path));
    if (!arrays.emplace(name, std::move(array)).second)
      return {ErrorCode::usage, "--input: \"" + name + "\" is given twice"};
  }
  return arrays;
}

Status run(const RunOptions& options) {
  GRAPHRUN_ASSIGN(const training::ModelChoice choice, training::choose_model(options.model, options.weights));
  GRAPHRUN_ASSIGN(const weights::ModelSource source, open_source(choice.model, options.common));
  GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                  weights::open_weights(source, choice.weights, options.choice));
  const std::shared_ptr<const model::Program>& program = source.program;
  const model::Model& model = program->model();
  const model::Port* const logits = model.signature.output(model::methods::kEval, model::roles::kLogits);
  GRAPHRUN_ASSIGN(const auto output, split_name(options.output, logits, "output"));
  const auto& [output_name, output_path] = output;
  GRAPHRUN_ASSIGN(auto arrays, read_inputs(options, model));
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, options.common.backend());
  const std::string& weights_from = weights_path(source, choice.weights);
  GRAPHRUN_ASSIGN(const std::string cache_folder, options.common.cache_folder());
  const weights::PackedWeightsFolder kept(cache_folder, weights_from, options.common.compute_type());
  GRAPHRUN_ASSIGN(const std::shared_ptr<weights::Weights> weights,
                  weights::Weights::map(*program, file, backend, kept).with_context(weights_from));
  say_weights_note(options.common, file->note());
  say_weights_note(options.common, weights->note());
  say_cache_note(options.common, weights->kept_note());
  session::Session::Options session_options{.fuse = !options.parts,
                                            .precision = options.common.compute_type()};
  for (const auto& [name, array] : arrays) session_options.inputs.emplace(name, array.desc.shape);
  GRAPHRUN_ASSIGN(const std::unique_ptr<session::Session> session,
                  session::Session::create(program, weights, session_options));
  for (const model::Input& input : model.inputs) {
    if (!arrays.contains(input.name) && session->input(input.name).ok())
      return {ErrorCode::usage, "--input " + input.name + "=FILE.npy is missing"};
  }
  for (auto& [name, array] : arrays) GRAPHRUN_TRY(session->set_input(name, array.view()));
  GRAPHRUN_TRY(session->run());
  GRAPHRUN_ASSIGN(const TensorView view, session->output(output_name));
  std::vector<float> values(static_cast<std::size_t>(view.desc.shape.count()));
  GRAPHRUN_TRY(session->get_output_nchw(output_name, values));
  GRAPHRUN_TRY(weights::write_npy(output_path, TensorDesc::dense(DType::f32, view.desc.shape),
                                  std::as_bytes(std::span(values))));
  warn_not_kept(options.common, weights->save_packed());
  return {};
}

}  // namespace

void add_run(CLI::App& app, Outcome& outcome) {
  CLI::App* command =
      app.add_subcommand("run", "one pass of the eval method, from .npy to .npy (maps are float32 NCHW)");
  const auto options = std::make_shared<RunOptions>();
  options->common.add_to(*command);
  add_model(*command, options->model);
  add_weights(*command, options->weights, options->choice);
  command->add_option("--input", options->inputs, "[image=]x.npy; once for each input of the model")
      ->allow_extra_args(false)
      ->required();
  command->add_option("--output", options->output, "[logits=]y.npy")->required();
  command->add_flag("--parts", options->parts, "run fused nodes as their parts, for comparisons");
  command->callback([options, &outcome] { outcome.status = run(*options); });
}

}  // namespace graphrun::tools
