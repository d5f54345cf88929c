#include <filesystem>

#include "compiler/compile.h"
#include "exchange/from_onnx/from_onnx.h"
#include "exchange/onnx/read.h"
#include "runtime/core/atomic_file.h"
#include "runtime/model/model_file.h"
#include "runtime/weights/safetensors.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/output.h"

namespace graphrun::tools {
namespace {

struct ImportOptions {
  CommonOptions common;
  std::string file;
  std::string name;  // without suffix: folder and name of what is written
};

// The graph file as it is on the disk, which graphc would compile alike, with what only the ONNX file knew.
Result<model::Model> compiled(const std::string& path, const exchange::from_onnx::Imported& imported,
                              const OpRegistry& ops) {
  compiler::Compiled result = compiler::compile(path, {}, ops);
  GRAPHRUN_TRY(result.status);
  if (!result.model) return {ErrorCode::invalid_file, result.errors};
  const model::Port* const logits =
      result.model->signature.output(model::methods::kEval, model::roles::kLogits);
  if (logits != nullptr) {
    const auto classes = evaluate_dim(logits->classes, result.model->parameter_values());
    if (classes.ok() && *classes == Dim(std::ssize(imported.class_names))) {
      result.model->class_names = imported.class_names;
      result.model->palette = imported.palette;
    }
  }
  return *std::move(result.model);
}

Status import_model(const ImportOptions& options) {
  GRAPHRUN_ASSIGN(const OpRegistry* const ops, options.common.registry());
  GRAPHRUN_ASSIGN(const exchange::onnx::ModelFile file, exchange::onnx::read_model(options.file));
  GRAPHRUN_ASSIGN(
      const exchange::from_onnx::Imported imported,
      exchange::from_onnx::translate(file.model, *ops, file.file->bytes().size()).with_context(options.file));
  const std::string graph = options.name + ".json";
  GRAPHRUN_ASSIGN(core::AtomicFile text, core::AtomicFile::create(graph));
  GRAPHRUN_TRY(text.write(imported.graph));
  GRAPHRUN_TRY(text.commit());
  GRAPHRUN_ASSIGN(const model::Model model, compiled(graph, imported, *ops));
  GRAPHRUN_TRY(weights::write_safetensors(options.name + ".safetensors", imported.tensors, {}));
  GRAPHRUN_TRY(model::write_model(model, options.name + ".fb"));
  if (!options.common.quiet) {
    print("{}: {} statements; {}.fb, {}.safetensors: {} tensors\n", graph, imported.storage.steps().size(),
          options.name, options.name, imported.tensors.size());
  }
  return {};
}

}  // namespace

void add_import(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "import", "an ONNX network as a graph file, a model and weights: NAME.json, .fb, .safetensors");
  const auto options = std::make_shared<ImportOptions>();
  options->common.add_to(*command);
  hide(*command, {"--device", "--threads", "--precision", "--cache", "-v", "-D"});
  command->add_option("file", options->file, "NET.onnx")->required();
  command->add_option("-o", options->name, "NAME: what is written is called so, with a suffix")->required();
  command->callback([options, &outcome] { outcome.status = import_model(*options); });
}

}  // namespace graphrun::tools
