#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "runtime/weights/safetensors.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/output.h"
#include "training/run/rename_rules.h"

namespace graphrun::tools {
namespace {

struct ConvertOptions {
  CommonOptions common;
  std::string input;
  std::string output;
  std::string model;
  std::string map;
  weights::TensorChoice choice;
};

// The tensors that the options mean, by the names that they are to have.
Result<std::shared_ptr<const weights::TensorFile>> open_input(const ConvertOptions& options,
                                                              const model::Program* program) {
  weights::TensorChoice choice = options.choice;
  if (program != nullptr) choice = weights::choice_for(*program, choice);
  if (options.map.empty()) return weights::TensorFile::open(options.input, choice);
  GRAPHRUN_ASSIGN(const training::RenameRules map, training::find_map(options.map));
  choice.rename = [&map](std::string_view name) { return map.apply(name); };
  choice.wants = [&map, known = choice.wants](std::string_view name) {
    const std::string renamed = map.apply(name);
    return !renamed.empty() && (known == nullptr || known(renamed));
  };
  return weights::TensorFile::open(options.input, choice);
}

Status convert(const ConvertOptions& options) {
  std::shared_ptr<const model::Program> program;
  if (!options.model.empty()) {
    GRAPHRUN_ASSIGN(program, open_program(options.model, options.common));
  }
  GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file, open_input(options, program.get()));
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
  command->add_option("--map", options->map,
                      "names of another implementation, graphs/maps/NAME.json, that become the model's");
  add_tensor_choice(*command, options->choice);
  command->callback([options, &outcome] { outcome.status = convert(*options); });
}

}  // namespace graphrun::tools
