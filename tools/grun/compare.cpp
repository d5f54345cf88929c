#include <filesystem>
#include <memory>
#include <vector>

#include "tools/grun/commands.h"
#include "tools/terminal/output.h"
#include "training/jobs/compare.h"

namespace graphrun::tools {
namespace {

Status compare(const std::vector<std::filesystem::path>& runs) {
  GRAPHRUN_ASSIGN(const std::string table, training::compare_runs(runs));
  print("{}", table);
  return {};
}

}  // namespace

void add_compare(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "compare", "runs beside each other: settings that differ, losses, validations, evaluations by class");
  const auto runs = std::make_shared<std::vector<std::filesystem::path>>();
  command->add_option("runs", *runs, "folders of two runs or more")->required()->expected(2, -1);
  command->callback([runs, &outcome] { outcome.status = compare(*runs); });
}

}  // namespace graphrun::tools
