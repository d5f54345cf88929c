#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "runtime/weights/safetensors.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/output.h"

namespace graphrun::tools {
namespace {

struct ConvertOptions {
  CommonOptions common;
  std::string input;
  std::string output;
  std::string model;
  weights::TensorChoice choice;
};

Status convert(const ConvertOptions& options) {
  std::shared_ptr<const model::Program> program;
  weights::TensorChoice choice = options.choice;
  if (!options.model.empty()) {
    GRAPHRUN_ASSIGN(program, open_program(options.model, options.common));
    choice = weights::choice_for(*program, choice);
  }
  GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                  weights::TensorFile::open(options.input, choice));
  say_weights_note(options.common, file->note());
  if (program != nullptr) {
    GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, options.common.backend());
    GRAPHRUN_ASSIGN(const std::shared_ptr<weights::Weights> weights,
                    weights::Weights::map(*program, file, backend).with_context(options.input));
    say_weights_note(options.common, weights->note());
  }
  // Larger elements first keep every tensor of the output aligned, so that it can be used where it is mapped.
  std::vector<weights::NamedTensor> tensors(file->tensors().begin(), file->tensors().end());
  std::ranges::stable_sort(tensors, std::ranges::greater(),
                           [](const weights::NamedTensor& tensor) { return size_of(tensor.desc.dtype); });
  GRAPHRUN_TRY(weights::write_safetensors(options.output, tensors, {}));
  const auto bytes = std::accumulate(
      tensors.begin(), tensors.end(), std::size_t{0},
      [](std::size_t sum, const weights::NamedTensor& tensor) { return sum + tensor.bytes.size(); });
  if (!options.common.quiet)
    print("{}: {} tensors, {:.1f} MB\n", options.output, tensors.size(), static_cast<double>(bytes) / 1e6);
  return {};
}

}  // namespace

void add_convert(CLI::App& app, Outcome& outcome) {
  CLI::App* command =
      app.add_subcommand("convert", "PyTorch checkpoint to .safetensors; with --model: checked against it");
  const auto options = std::make_shared<ConvertOptions>();
  options->common.add_to(*command);
  hide(*command, {"--device", "--threads", "--precision", "--cache", "-v"});
  command->add_option("input", options->input, "IN.pth")->required();
  command->add_option("output", options->output, "OUT.safetensors")->required();
  command->add_option("--model", options->model, "MODEL.fb");
  add_tensor_choice(*command, options->choice);
  command->callback([options, &outcome] { outcome.status = convert(*options); });
}

}  // namespace graphrun::tools
