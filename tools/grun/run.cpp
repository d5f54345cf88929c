#include "runtime/session/session.h"
#include "runtime/weights/npy.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/prepared_cache.h"

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
  GRAPHRUN_ASSIGN(const std::shared_ptr<const model::Program> program,
                  open_program(options.model, options.common));
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, options.common.backend());
  GRAPHRUN_ASSIGN(const std::shared_ptr<weights::Weights> weights,
                  map_weights(*program, options.weights, backend));
  GRAPHRUN_ASSIGN(const PreparedCache cache, PreparedCache::open(options.common, options.weights, *weights));
  cache.use(*weights);
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
  cache.keep(*weights);
  return {};
}

}  // namespace

void add_run(CLI::App& app, Outcome& outcome) {
  CLI::App* command =
      app.add_subcommand("run", "one pass of the eval method, from .npy to .npy (float32 NCHW)");
  const auto options = std::make_shared<RunOptions>();
  options->common.add_to(*command);
  command->add_option("model", options->model, "MODEL.fb")->required();
  command->add_option("--weights", options->weights, ".safetensors or .pth")->required();
  command->add_option("--input", options->input, "[image=]x.npy")->required();
  command->add_option("--output", options->output, "[logits=]y.npy")->required();
  command->add_flag("--parts", options->parts, "run fused nodes as their parts, for comparisons");
  command->callback([options, &outcome] { outcome.status = run(*options); });
}

}  // namespace graphrun::tools
