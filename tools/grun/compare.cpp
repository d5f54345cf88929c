#include "training/report/compare.h"

#include <filesystem>
#include <memory>
#include <vector>

#include "runtime/core/file.h"
#include "tools/grun/commands.h"
#include "tools/terminal/output.h"

namespace graphrun::tools {
namespace {

struct CompareOptions {
  std::vector<std::filesystem::path> runs;
  std::filesystem::path output;
  bool csv = false;
  bool svg = false;
};

// To a file, or to standard output.
Status deliver(const Result<std::string>& text, const std::filesystem::path& output) {
  if (!text.ok()) return text.status();
  if (!output.empty()) return core::write_file(output, *text);
  print("{}", *text);
  return {};
}

Status compare(const CompareOptions& options) {
  const auto form = options.csv   ? training::CompareForm::csv
                    : options.svg ? training::CompareForm::svg
                                  : training::CompareForm::text;
  return deliver(training::compare_runs(options.runs, form), options.output);
}

}  // namespace

void add_compare(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "compare", "runs beside each other: settings that differ, losses, validations, evaluations by class");
  const auto options = std::make_shared<CompareOptions>();
  command->add_option("runs", options->runs, "folders of two runs or more")->required()->expected(2, -1);
  CLI::Option* csv = command->add_flag("--csv", options->csv, "as comma-separated values");
  command->add_flag("--svg", options->svg, "scores and IoU by class as a drawing")->excludes(csv);
  command->add_option("-o", options->output, "a file; standard output if not given");
  command->callback([options, &outcome] { outcome.status = compare(*options); });
}

void add_runs(CLI::App& app, Outcome& outcome) {
  CLI::App* command =
      app.add_subcommand("runs", "the runs below a folder: network, data, epochs, best mIoU, state");
  const auto folder = std::make_shared<std::filesystem::path>("exp");
  const auto csv = std::make_shared<bool>(false);
  command->add_option("folder", *folder, "where to look")->capture_default_str();
  command->add_flag("--csv", *csv, "as comma-separated values");
  command->callback(
      [folder, csv, &outcome] { outcome.status = deliver(training::list_runs(*folder, *csv), {}); });
}

}  // namespace graphrun::tools
