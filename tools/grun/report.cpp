#include "training/report/report.h"

#include <memory>

#include "tools/grun/commands.h"
#include "tools/grun/job_options.h"
#include "tools/terminal/output.h"

namespace graphrun::tools {
namespace {

Status report(const training::ReportRequest& request, bool quiet) {
  GRAPHRUN_ASSIGN(const training::ReportOutcome outcome, training::write_report(request));
  if (!outcome.left_out.empty() && !quiet) say("without images: {}", outcome.left_out);
  if (!quiet) print("{}: {}\n", outcome.file.string(), size_text(outcome.bytes));
  return {};
}

}  // namespace

void add_report(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "report", "one HTML file of a run: curves, classes, confusion, images, settings; opens offline");
  const auto request = std::make_shared<training::ReportRequest>();
  const auto quiet = std::make_shared<bool>(false);
  command->add_option("run", request->source, "a run's folder, or a metrics.json")->required();
  command->add_option("-o", request->output, "FILE.html; report.html in the run's folder if not given");
  add_data_options(*command, request->dataset, request->data_root);
  command->add_option("--profile", request->profile,
                      "a trace that grun train or bench --profile has written");
  command->add_flag("-q,--quiet", *quiet, "errors only");
  command->callback([request, quiet, &outcome] { outcome.status = report(*request, *quiet); });
}

}  // namespace graphrun::tools
