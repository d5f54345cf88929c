#include "runtime/session/session.h"
#include "runtime/weights/npy.h"
#include "runtime/weights/prepared_cache.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"

namespace graphrun::tools {
namespace {

struct RunOptions {
  CommonOptions common;
  std::string model;
  std::string weights;
  std::string input;
  std::string output;
  bool parts = false;
};

// "name=path" or "path"
std::pair<std::string, std::string> split_name(const std::string& text, const std::string& fallback) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return {fallback, text};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Status run(const RunOptions& options) {
  const auto [input_name, input_path] = split_name(options.input, "image");
  const auto [output_name, output_path] = split_name(options.output, "logits");
  if (input_name != "image") return {ErrorCode::usage, "the eval method's only input is \"image\""};
  GRAPHRUN_ASSIGN(const weights::ModelSource source, open_source(options.model, options.common));
  GRAPHRUN_ASSIGN(std::shared_ptr<const weights::TensorFile> file,
                  weights::open_weights(source, options.weights));
  const std::shared_ptr<const model::Program>& program = source.program;
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, options.common.backend());
  const std::string& weights_from = weights_path(source, options.weights);
  GRAPHRUN_ASSIGN(const std::shared_ptr<weights::Weights> weights,
                  weights::Weights::map(*program, std::move(file), backend).in(weights_from));
  GRAPHRUN_ASSIGN(const std::string cache_folder, options.common.cache_folder());
  const weights::PreparedCache cache(cache_folder, weights_from, options.common.compute_type(), *weights);
  say_cache_note(options.common, cache.use(*weights));
  GRAPHRUN_ASSIGN(const weights::NpyArray image, weights::read_npy(input_path));
  if (image.desc.dtype != DType::f32 || image.desc.shape.rank() != 4 || image.desc.shape[1] != 3) {
    return {ErrorCode::shape, input_path + ": expected float32 (N, 3, H, W), got " +
                                  std::string(to_string(image.desc.dtype)) + " " +
                                  to_string(image.desc.shape)};
  }
  GRAPHRUN_ASSIGN(const std::unique_ptr<session::Session> session,
                  session::Session::create(program, weights,
                                           {.n = image.desc.n(),
                                            .h = image.desc.h(),
                                            .w = image.desc.w(),
                                            .fuse = !options.parts,
                                            .precision = options.common.compute_type()}));
  GRAPHRUN_TRY(session->set_input_nchw({reinterpret_cast<const float*>(image.bytes.data()),
                                        static_cast<std::size_t>(image.desc.shape.count())}));
  GRAPHRUN_TRY(session->run());
  const TensorView view = session->output(output_name);
  if (view.data == nullptr) return {ErrorCode::not_found, "the model has no output \"" + output_name + "\""};
  std::vector<float> values(static_cast<std::size_t>(view.desc.shape.count()));
  GRAPHRUN_TRY(session->get_output_nchw(output_name, values));
  GRAPHRUN_TRY(weights::write_npy(output_path, TensorDesc::dense(DType::f32, view.desc.shape),
                                  std::as_bytes(std::span(values))));
  warn_not_kept(options.common, cache.keep(*weights));
  return {};
}

}  // namespace

void add_run(CLI::App& app, Outcome& outcome) {
  CLI::App* command =
      app.add_subcommand("run", "one pass of the eval method, from .npy to .npy (float32 NCHW)");
  const auto options = std::make_shared<RunOptions>();
  options->common.add_to(*command);
  add_model(*command, options->model);
  add_weights(*command, options->weights);
  command->add_option("--input", options->input, "[image=]x.npy")->required();
  command->add_option("--output", options->output, "[logits=]y.npy")->required();
  command->add_flag("--parts", options->parts, "run fused nodes as their parts, for comparisons");
  command->callback([options, &outcome] { outcome.status = run(*options); });
}

}  // namespace graphrun::tools
